/**
 * How long a lane waits for one of its orders. A batch of hints is done when its last order is, so an order whose provider
 * hangs would hold up all that come after it. Such an order is left to itself: it goes on in its actor, guarded by its alarm,
 * and the lane goes on to the next hints.
 *
 * What the lanes' queues bound, the number of orders at work, is then bounded by them and by `MAX_LEFT` together. A tenant whose
 * provider hangs must not use up what others need, so it may have as many orders left as there are places free (a dynamic
 * threshold): half of all by itself, a third beside another that does the same. The last place is given only to one that has none.
 * For an order beyond that, which is when a provider is slow for everybody, lanes wait as long as it takes.
 *
 * The count is this isolate's own. Each isolate grants as much again.
 */
import { now } from "../platform/ambient.ts";
import { DeadlineExceeded, within } from "../platform/deadline.ts";

/** Several times what an order takes whose providers answer at once. */
const PATIENCE_MS = 100;

/** Of all tenants together, for each isolate. A tenant by itself gets half of it, which is a batch of the standard lane. */
const MAX_LEFT = 50;

/** An order whose actor died never says that it has ended. */
const MAX_LEFT_MS = 60_000;

/** The orders of this isolate that were left and have not ended. */
const left = new Set<{ readonly tenant: string; readonly since: number }>();

/**
 * Resolves with true when the work takes longer than the lane's patience and may be left, and with false when it has ended.
 * @param tenant whose order it is
 */
export async function leaves(work: Promise<unknown>, tenant: string): Promise<boolean> {
  while (await outlastsPatience(work)) {
    if (!mayLeave(tenant)) continue;
    const mark = { tenant, since: now() };
    left.add(mark);
    const ended = () => void left.delete(mark);
    work.then(ended, ended);
    return true;
  }
  return false;
}

const outlastsPatience = (work: Promise<unknown>): Promise<boolean> =>
  within(PATIENCE_MS, "carrying an order", () => work).then(
    () => false,
    (error) => error instanceof DeadlineExceeded,
  );

function mayLeave(tenant: string): boolean {
  let own = 0;
  for (const mark of left) {
    if (now() - mark.since > MAX_LEFT_MS) left.delete(mark);
    else if (mark.tenant === tenant) own++;
  }
  return own < MAX_LEFT - left.size;
}
