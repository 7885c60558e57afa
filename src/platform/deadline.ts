/** A deadline for work that may answer late or never, such as a query of a stalled database. */

/** The work did not answer in time. It may still take effect. */
export class DeadlineExceeded extends Error {
  override readonly name = "DeadlineExceeded";
}

/**
 * Settles as the work does, or rejects with `DeadlineExceeded` after `ms` milliseconds. The work goes on and may still take
 * effect, so only idempotent work may be given a deadline.
 *
 * The timer is cleared as soon as the work is done. `AbortSignal.timeout` cannot do that, and a timer left behind keeps an
 * actor in memory, and billed, until it fires.
 * @param what names the work in the error's message
 */
export async function within<T>(ms: number, what: string, work: () => Promise<T>): Promise<T> {
  const expired = Promise.withResolvers<never>();
  const timer = setTimeout(() => expired.reject(late(ms, what)), ms);
  try {
    return await Promise.race([work(), expired.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** The same for work that heeds a signal, which aborts at the deadline, or when `outer` does. It does not begin when `outer` has aborted before. */
export async function abortedAfter<T>(
  ms: number,
  what: string,
  work: (signal: AbortSignal) => Promise<T>,
  outer?: AbortSignal,
): Promise<T> {
  const deadline = new AbortController();
  const signal = outer ? AbortSignal.any([outer, deadline.signal]) : deadline.signal;
  const timer = setTimeout(() => deadline.abort(late(ms, what)), ms);
  try {
    return await untilAborted(signal, what, () => work(signal));
  } finally {
    clearTimeout(timer);
  }
}

/** Settles as the work does, or rejects with `DeadlineExceeded` when the signal aborts. It does not begin when that was before. */
export async function untilAborted<T>(signal: AbortSignal, what: string, work: () => Promise<T>): Promise<T> {
  if (signal.aborted) throw new DeadlineExceeded(`${what} did not begin: the time was up before`);
  const aborted = Promise.withResolvers<never>();
  const giveUp = () => {
    const { reason } = signal;
    aborted.reject(reason instanceof DeadlineExceeded ? reason : new DeadlineExceeded(`${what} was given up`));
  };
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    return await Promise.race([work(), aborted.promise]);
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

const late = (ms: number, what: string) => new DeadlineExceeded(`${what} took longer than ${ms} ms`);
