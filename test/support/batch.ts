/** A queue's batch in plain Node, which remembers what became of each message. */

export interface Sent {
  readonly body: unknown;
  /** How often it was delivered, from 1. */
  readonly attempts?: number;
}

export const SENT_AT = 1_700_000_000_000;

/** Messages are named m0, m1, … . `retried` maps those that are to come again to the delay in seconds. */
export function batchOf(queue: string, sent: readonly Sent[]) {
  const acked: string[] = [];
  const retried: Record<string, number | undefined> = {};
  const messages = sent.map(({ body, attempts = 1 }, index) => {
    const id = `m${index}`;
    const ack = () => void acked.push(id);
    const retry = ({ delaySeconds }: QueueRetryOptions = {}) => {
      retried[id] = delaySeconds;
    };
    return { id, timestamp: new Date(SENT_AT), attempts, body, ack, retry };
  });
  return { batch: { queue, messages } as unknown as MessageBatch<unknown>, acked, retried };
}

/** A history that keeps the values of each statement that it is given, or that is down. */
export function historyOf({ isDown = false } = {}) {
  const rows: unknown[][] = [];
  const bind = (...values: unknown[]) => {
    const run = async () => {
      if (isDown) throw new Error("D1 is down");
      rows.push(values);
      return { results: [], success: true, meta: { rows_read: 1, rows_written: 1 } };
    };
    return { run };
  };
  const HISTORY = {
    prepare: () => ({ bind }),
    batch: (statements: readonly ReturnType<typeof bind>[]) => Promise.all(statements.map((statement) => statement.run())),
  };
  return { rows, HISTORY: HISTORY as unknown as D1Database };
}
