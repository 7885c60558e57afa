/**
 * What a value that does not fit is told, whatever schema it met: plain words that stay the same when the schema library
 * changes its own. A schema that has a message of its own keeps it.
 */
import { z } from "zod";

type Issue = z.core.$ZodRawIssue;

const KINDS: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  tuple: "a list",
  object: "an object",
  record: "an object",
  null: "null",
};

/** What a bound counts, when it is not the value itself. */
const COUNTED: Readonly<Record<string, readonly [one: string, many: string]>> = {
  string: ["character", "characters"],
  array: ["entry", "entries"],
};

const listed = (values: readonly unknown[]): string => values.map(String).join(", ");

function bound(origin: string, comparison: "at least" | "at most", limit: number | bigint): string {
  const counted = COUNTED[origin];
  return counted ? `must have ${comparison} ${limit} ${counted[Number(limit) === 1 ? 0 : 1]}` : `must be ${comparison} ${limit}`;
}

function wordsOf(issue: Issue): string {
  switch (issue.code) {
    case "invalid_type":
      return issue.input === undefined ? "is required" : `must be ${KINDS[issue.expected] ?? "of another kind"}`;
    case "too_small":
      return issue.inclusive === false ? `must be more than ${issue.minimum}` : bound(issue.origin, "at least", issue.minimum);
    case "too_big":
      return issue.inclusive === false ? `must be less than ${issue.maximum}` : bound(issue.origin, "at most", issue.maximum);
    case "invalid_value":
      return `must be ${issue.values.length > 1 ? "one of " : ""}${listed(issue.values)}`;
    case "invalid_format":
      return issue.format === "datetime" ? "must be a time in ISO 8601, such as 2026-11-21T08:26:00Z" : "is not written as it must be";
    case "invalid_union":
      return "options" in issue && Array.isArray(issue.options)
        ? `must be one of ${listed(issue.options)}`
        : "fits none of the forms that it may have";
    case "unrecognized_keys":
      return "is not a known field";
    default:
      return "does not fit";
  }
}

z.config({ customError: wordsOf });
