/** The dead letters: queue messages that fit no schema, so no order can be parked for them. A person reads them; nothing replays them. */
import { drizzle } from "drizzle-orm/d1";
import { within } from "../../platform/deadline.ts";
import { deadLetters } from "./schema.ts";

/** Enough to recognise a message. A queue message may have 128 KB, and the rest would only cost storage. */
export const MAX_BODY_EXCERPT = 1_000;

/** As long as a projection may take. When D1 does not answer, the message stays in its queue. */
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

/** Records the message idempotently, under the queue's id. Rejects when D1 fails or stalls, and may then be called again. */
export async function recordDeadLetter(d1: D1Database, message: UnreadableMessage): Promise<void> {
  const row = { ...message, body: bodyExcerpt(message.body) };
  await within(RECORDING_DEADLINE_MS, "recording a dead letter in D1", () =>
    drizzle(d1).insert(deadLetters).values(row).onConflictDoNothing().run(),
  );
}

/** The cut may halve a surrogate pair, which UTF-8 cannot carry. A body that JSON cannot express is named by its type. */
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
