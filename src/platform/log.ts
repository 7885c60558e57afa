/**
 * Structured logging: one JSON object per line, for `wrangler tail` and Workers Logs. Every line has a stable `event` name.
 * Lines about an order carry its `orderId`, so that `wrangler tail --search ord_…` tells its story. A line holds ids,
 * numbers and enumerations, and never personal data. Texts from outside are cut short by `excerpt`.
 */

import { z } from "zod";
import type { LogEvent } from "../contract/log-events.ts";

type Field = string | number | boolean | null | undefined;
export type LogFields = Readonly<Record<string, Field>>;

const CONSOLE = { info: console.log, warn: console.warn, error: console.error };

export const log = {
  info: (event: LogEvent, fields: LogFields = {}) => CONSOLE.info(line("info", event, fields)),
  warn: (event: LogEvent, fields: LogFields = {}) => CONSOLE.warn(line("warn", event, fields)),
  error: (event: LogEvent, fields: LogFields = {}) => CONSOLE.error(line("error", event, fields)),
};

/**
 * A text from outside or an exception, as one short line for a log or a journal. Nothing that an exception quotes is kept,
 * because errors of the platform and of schemas repeat the value that they reject.
 */
export function excerpt(value: unknown, max = 200): string {
  const text = value instanceof Error ? `${value.name}: ${messageOf(value)}` : String(value);
  return text.replace(/\s+/g, " ").slice(0, max).toWellFormed();
}

/**
 * Quoted text with any kind of quotation mark, closed or cut off; URLs; mail addresses. An apostrophe within a word is no
 * quotation mark.
 */
const REPEATED = /"[^"]*"?|(?<!\w)'[^']*'?|`[^`]*`?|“[^”]*”?|‘[^’]*’?|\w+:\/\/\S+|\S+@\S+/g;

const messageOf = (error: Error): string => (error instanceof z.core.$ZodError ? issuesOf(error) : error.message.replace(REPEATED, "…"));

/** What a schema found wrong, without the value. A key that the sender may have chosen is shown as `*`. */
const issuesOf = ({ issues }: z.core.$ZodError): string =>
  issues.map(({ code, path }) => `${code} at ${path.map((key) => (FIELD.test(String(key)) ? String(key) : "*")).join(".")}`).join("; ");

/** The form of our own field names and of list indexes. */
const FIELD = /^\w{1,40}$/;

function line(level: string, event: LogEvent, fields: LogFields): string {
  return JSON.stringify({ level, event, ...fields });
}
