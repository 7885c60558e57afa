/**
 * Turns what wrangler and the Worker print into what a person wants to read: a line per order as it is accepted and as it comes to
 * an end or needs somebody, and a line per warning and error. Pure: it is handed each line with its time and keeps only what it
 * has told lately. It leaves out what it knows to be chatter and shows everything else, so that no error can get lost.
 */
import { stripVTControlCharacters } from "node:util";
import { z } from "zod";

/** A line of the Worker's log, as far as it is told here; see docs/logs.md for what it says. */
const Entry = z.looseObject({
  level: z.enum(["info", "warn", "error"]),
  event: z.string(),
  orderId: z.string().optional(),
  lane: z.string().optional(),
  status: z.union([z.string(), z.number()]).optional(),
  lines: z.number().optional(),
  total: z.number().optional(),
  currency: z.string().optional(),
  waitedMs: z.number().optional(),
  durationMs: z.number().optional(),
  steps: z.string().optional(),
  step: z.string().optional(),
  cause: z.string().optional(),
  detail: z.string().optional(),
});
type Entry = z.infer<typeof Entry>;

/** Where an order stays until somebody does something, or for good. Of a parked order `order.parked` tells, which knows why. */
const RESTING = new Set(["confirmed", "completed", "cancelled", "failed", "held"]);

/** Wide enough for every status, so that what follows stands in a column. */
const STATUS_WIDTH = 11;

/** Fields that a warning's line does without: they are told otherwise, or help only whoever searches the log. */
const NOT_TOLD = new Set(["level", "event", "orderId", "trace", "tenant", "lane", "version", "durationMs"]);

/** Orders whose last told status is remembered, so that it is told once. */
const REMEMBERED = 10_000;

/** How wrangler marks what the Worker, or wrangler itself, wrote as a warning or an error. */
const MARK = /^[▲✘] \[(?:WARNING|ERROR)\] /;

/** Messages of wrangler that say nothing to somebody who only runs Orderline. */
const CHATTER = [
  /^\s*⛅️ wrangler /u,
  /^─+$/,
  /^Cloudflare collects anonymous telemetry/,
  /^\[custom build\] Running: /,
  /^Your Worker has access to the following bindings:/,
  /^Binding +Resource +Mode$/,
  /^env\.\w+(?: \(.*\))? +.* (?:local|remote)$/,
  /^\[wrangler:info\] /,
  /^\[wrangler:warn\] Unable to fetch the `Request\.cf` object/,
  /^⎔ (?!Reloading)/,
  /^▲ \[WARNING\] Scheduled Workers are not automatically triggered/,
  /^🪵 /u,
];

/** What follows a piece of chatter and belongs to it: indented lines, the reason of a failed fetch, and the head of a mail that was not sent. */
const CONTINUATION = /^(?:\s+\S|(?:\w*Error): |(?:From|To|Cc|Bcc|Reply-To|Subject|Text|HTML|Attachments?): )/;

const READY = /\[wrangler:info\] Ready on (https?:\/\/\S+)/;

/** @returns where the server listens, when this is the line with which wrangler says so */
export const readyUrl = (line: string): string | undefined => READY.exec(stripVTControlCharacters(line))?.[1];

/** What came last on a stream: a line of the log, a message of wrangler that was shown or one that was not; and whether a blank line came since. */
interface Before {
  last: "entry" | "shown" | "hidden";
  gap: boolean;
}

export class Narrator {
  readonly #told = new Map<string, string>();
  readonly #before = { out: { last: "entry", gap: false } as Before, err: { last: "entry", gap: false } as Before };

  /** @returns what to print for this line of a stream, or undefined when there is nothing to say */
  tell(stream: "out" | "err", raw: string, at: Date): string | undefined {
    const before = this.#before[stream];
    const line = stripVTControlCharacters(raw).trimEnd();
    if (line === "") {
      before.gap = true;
      return undefined;
    }
    const { last, gap } = before;
    before.gap = false;
    const entry = entryFrom(line);
    if (entry) {
      before.last = "entry";
      const text = this.#about(entry);
      return text === undefined ? undefined : `${at.toTimeString().slice(0, 8)}  ${text}`;
    }
    const isChatter = CHATTER.some((pattern) => pattern.test(line)) || (last === "hidden" && CONTINUATION.test(line));
    before.last = isChatter ? "hidden" : "shown";
    if (isChatter) return undefined;
    // Blank lines are kept where they part the lines of one message, such as the source that does not build.
    return (gap && last === "shown" ? "\n" : "") + raw.trimEnd();
  }

  #about(entry: Entry): string | undefined {
    const { event, orderId, status } = entry;
    if (orderId !== undefined) {
      if (event === "order.placed") return this.#order(orderId, "accepted", orderPlaced(entry));
      if (event === "order.parked") return this.#order(orderId, "quarantined", parked(entry));
      if (entry.level === "info" && event.startsWith("order.") && typeof status === "string") {
        if (RESTING.has(status)) return this.#order(orderId, status, atRest(status, entry));
        // It moves again, so that coming to rest in the same way once more is news.
        if (status !== "quarantined") this.#told.delete(orderId);
      }
    }
    if (entry.level === "info") return undefined;
    const about = Object.entries(entry)
      .filter(([name]) => !NOT_TOLD.has(name) && !(name === "status" && orderId !== undefined))
      .map(([name, value]) => `${name} ${String(value)}`);
    const what = [event, ...(orderId === undefined ? [] : [orderId])].join("  ");
    return `${entry.level === "warn" ? "warning" : "error"}  ${what}${about.length === 0 ? "" : `: ${about.join(", ")}`}`;
  }

  #order(orderId: string, status: string, more: string): string | undefined {
    if (this.#told.get(orderId) === status) return undefined;
    this.#told.delete(orderId);
    this.#told.set(orderId, status);
    const [oldest] = this.#told.keys();
    if (this.#told.size > REMEMBERED && oldest !== undefined) this.#told.delete(oldest);
    return `${orderId}  ${`${status.padEnd(STATUS_WIDTH)}  ${more}`.trimEnd()}`;
  }
}

function entryFrom(line: string): Entry | undefined {
  const text = line.replace(MARK, "");
  if (!text.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    // The schema changes nothing, but it would put the fields that it knows before the others.
    return Entry.safeParse(value).success ? (value as Entry) : undefined;
  } catch {
    // Something else that begins like an object; it is shown as it is.
    return undefined;
  }
}

const orderPlaced = ({ total, currency, lines, lane }: Entry): string =>
  [
    ...(total !== undefined && currency !== undefined ? [money(total, currency)] : []),
    ...(lines === undefined ? [] : [`${lines} line${lines === 1 ? "" : "s"}`]),
    ...(lane === undefined ? [] : [lane]),
  ].join(", ");

const parked = ({ step, cause, detail }: Entry): string =>
  `needs a person: ${[[step, cause].filter(Boolean).join(" "), detail].filter(Boolean).join(", ")}`;

function atRest(status: string, { steps, waitedMs, durationMs }: Entry): string {
  if (status === "held") return "needs a person: approve or reject it";
  if (status === "confirmed" && waitedMs !== undefined && durationMs !== undefined) {
    return `${((waitedMs + durationMs) / 1_000).toFixed(1)} s after it was placed`;
  }
  const refused = (steps ?? "").split(" ").map((each) => each.split(":"));
  return refused.flatMap(([step, outcome]) => (outcome === "refused" ? [`${step} refused`] : [])).join(", ");
}

/** @param total in the currency's minor units */
function money(total: number, currency: string): string {
  try {
    const format = new Intl.NumberFormat("en", { style: "currency", currency });
    return format.format(total / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
  } catch {
    // A code that is none; the contract says what may be one.
    return `${total} ${currency}`;
  }
}
