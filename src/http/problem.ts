/** Every error of the HTTP face as an answer. The one place where a refusal becomes a problem. */
import type { Context } from "hono";
import type { z } from "zod";
import { type FieldError, type Problem, type ProblemOf, type ProblemStatus, problem } from "../contract/problems.ts";
import type { CommandRefusal } from "../domain/decide.ts";
import { excerpt, type LogFields, log } from "../platform/log.ts";
import type { Call } from "./context.ts";

/** The problem as the answer to a request. */
export function respond<Status extends ProblemStatus>(c: Context, { ...body }: ProblemOf<Status>, headers: Record<string, string> = {}) {
  return c.json<Problem, Status>(body, body.status, { ...headers, "content-type": "application/problem+json" });
}

/**
 * Logs an exception that reached the edge, and answers with what its caller may know: that trying again helps (503), or
 * that it is a bug (500).
 */
export function unexpected(error: unknown, about: LogFields & { readonly trace: string }) {
  const passing = isPassing(error);
  log[passing ? "warn" : "error"]("http.bug", { ...about, error: excerpt(error) });
  const { trace } = about;
  if (passing) return problem("unavailable", "the order could not be reached just now; try again", { trace });
  return problem("bug", "this is our fault; it has been recorded", { trace });
}

/** Whether trying again may help: the platform marks the error of an actor that moved, was reset or is overloaded. */
function isPassing(error: unknown): boolean {
  const { retryable, overloaded, durableObjectReset } = error as {
    retryable?: unknown;
    overloaded?: unknown;
    durableObjectReset?: unknown;
  };
  return retryable === true || overloaded === true || durableObjectReset === true;
}

/** The answer, or null when the work rejects, which is logged. For sources that may be down, such as the history. */
export async function orNull<Answer>(c: Call, asked: Promise<Answer>): Promise<Answer | null> {
  try {
    return await asked;
  } catch (error) {
    log.warn("http.bug", { trace: c.var.trace, error: excerpt(error) });
    return null;
  }
}

/** Headers of a 503 from a source that may be back in seconds. */
export const RETRY = { "retry-after": "5" };

/**
 * A schema's findings as a problem, each with a JSON Pointer.
 * @param at where the parsed value stands in the body
 */
export function invalid(error: z.ZodError, at: readonly string[] = []) {
  const found: FieldError[] = error.issues.slice(0, MAX_ERRORS).flatMap((issue) => {
    const keys = issue.code === "unrecognized_keys" ? issue.keys.slice(0, MAX_ERRORS) : [undefined];
    return keys.map((key) => ({
      pointer: pointer([...at, ...issue.path, ...(key === undefined ? [] : [key])]),
      detail: issue.message,
    }));
  });
  return invalidFields(found.slice(0, MAX_ERRORS));
}

/** Findings that no schema can express, as a problem. */
export function invalidFields(errors: readonly FieldError[]) {
  const [first] = errors;
  return problem("invalid-request", first ? `${first.pointer || "the body"}: ${first.detail}` : "the request does not fit", { errors });
}

/** A command's refusal as a problem, with its evidence. */
export function refused(refusal: CommandRefusal) {
  switch (refusal.reason) {
    case "wrong_status":
      return problem("wrong-status", refusal.detail, { command: refusal.command, orderStatus: refusal.status });
    case "wrong_stage":
      return problem("wrong-stage", refusal.detail, { wanted: refusal.wanted, next: refusal.next });
  }
}

/** Enough to mend a body by. A thousand bad lines are not answered with a thousand errors. */
const MAX_ERRORS = 20;

/** A JSON Pointer (RFC 6901). A key is cut short, because it comes from the sender and may be as long as the body. */
function pointer(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).slice(0, 100).replaceAll("~", "~0").replaceAll("/", "~1").toWellFormed()}`).join("");
}
