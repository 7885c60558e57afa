/** A deadline for work that may answer late or never, such as a query of a stalled database. */

/** The work did not answer in time. It may still take effect. */
export class DeadlineExceeded extends Error {
  override readonly name = "DeadlineExceeded";
}

/**
 * Settles as the work does, or rejects with `DeadlineExceeded` after `ms` milliseconds or when `outer` aborts. It does not begin
 * the work when `outer` has aborted before. Work that heeds its signal stops then; other work goes on and may still take
 * effect, so only idempotent work may be given a deadline.
 *
 * The timer is cleared as soon as the work is done. `AbortSignal.timeout` cannot do that, and a timer left behind keeps an
 * actor in memory, and billed, until it fires.
 * @param what names the work in the error's message
 */
export async function within<T>(ms: number, what: string, work: (signal: AbortSignal) => Promise<T>, outer?: AbortSignal): Promise<T> {
  if (outer?.aborted) throw new DeadlineExceeded(`${what} did not begin: the time was up before`);
  const deadline = new AbortController();
  const signal = outer ? AbortSignal.any([outer, deadline.signal]) : deadline.signal;
  const expired = new Promise<never>((_, reject) => {
    const reason = () => (outer?.aborted ? `${what} was given up` : `${what} took longer than ${ms} ms`);
    signal.addEventListener("abort", () => reject(new DeadlineExceeded(reason())), { once: true });
  });
  const timer = setTimeout(() => deadline.abort(), ms);
  try {
    const working = async () => work(signal);
    return await Promise.race([working(), expired]);
  } finally {
    clearTimeout(timer);
  }
}
