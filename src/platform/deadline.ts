/** A deadline for work that may answer late or never, such as a query of a stalled database. */

class DeadlineExceeded extends Error {
  override readonly name = "DeadlineExceeded";
}

/**
 * Settles as `work` does, or rejects with `DeadlineExceeded` after `ms` milliseconds. The work itself is not stopped and
 * may still take effect, so only idempotent work may be given a deadline.
 * @param what names the work in the error's message
 */
export async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  const { promise: expiry, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new DeadlineExceeded(`${what} took longer than ${ms} ms`)), ms);
  try {
    return await Promise.race([work, expiry]);
  } finally {
    clearTimeout(timer);
  }
}
