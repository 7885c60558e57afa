/** Keeps queue messages that name no order, so that none vanishes unseen. It never judges or replays them. */
import { drizzle } from "drizzle-orm/d1";
import { within } from "../../platform/deadline.ts";
import { deadLetters } from "./schema.ts";

/** Enough to recognise a message by; the rest of a message of up to 128 KB would only cost storage. */
export const MAX_BODY_EXCERPT = 1_000;

/** As long as a projection may take; the message stays in its queue when D1 does not answer. */
const RECORDING_DEADLINE_MS = 10_000;

export interface UnreadableMessage {
  /** The queue's id of the message. */
  readonly id: string;
  readonly queue: string;
  /** Why it could not be read. */
  readonly cause: string;
  /** Whatever was in it. */
  readonly body: unknown;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
}

/** Records the message once, however often it is delivered. Rejects when D1 fails or stalls; it may then be called again. */
export async function recordDeadLetter(d1: D1Database, message: UnreadableMessage): Promise<void> {
  const row = { ...message, body: bodyExcerpt(message.body) };
  await within(
    RECORDING_DEADLINE_MS,
    "recording a dead letter in D1",
    drizzle(d1).insert(deadLetters).values(row).onConflictDoNothing().run(),
  );
}

/** The cut may halve a surrogate pair, which UTF-8 could not carry. Bodies that JSON cannot express are named by their type. */
function bodyExcerpt(body: unknown): string {
  return (asJson(body) ?? Object.prototype.toString.call(body)).slice(0, MAX_BODY_EXCERPT).toWellFormed();
}

function asJson(body: unknown): string | undefined {
  try {
    return JSON.stringify(body);
  } catch {
    return undefined;
  }
}
