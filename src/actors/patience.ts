/**
 * How long a lane waits for one of its orders. A batch of hints is done when its last order is, so an order whose provider
 * hangs would hold up all that come after it. Such an order is left to itself: it goes on in its actor, guarded by its alarm,
 * and the lane goes on to the next hints.
 *
 * What the lanes' queues bound, the number of orders at work, is then bounded by them and by `MAX_LEFT` together. A tenant whose
 * provider hangs must not use up what others need, so it may have as many orders left as there are places free (a dynamic
 * threshold): half of all by itself, a third beside another that does the same. The last place is given only to one that has none.
 * For an order beyond that, which is when a provider is slow for everybody, lanes wait as long as it takes. Each lane has places of
 * its own, or the flood of a slow lane would use up those of a quick one.
 *
 * The count is this isolate's own. Each isolate grants as much again.
 */
import { Priority } from "../contract/lanes.ts";
import { now } from "../platform/ambient.ts";
import { DeadlineExceeded, within } from "../platform/deadline.ts";

/** Several times what an order takes whose providers answer at once. */
const PATIENCE_MS = 100;

/** Of all tenants together, for each lane and isolate. A tenant by itself gets half of it, which is a batch of the standard lane. */
const MAX_LEFT = 50;

/** An order whose actor died never says that it has ended. */
const MAX_LEFT_MS = 60_000;

/** The orders of this isolate that were left and have not ended. */
const left = new Map(Priority.options.map((lane) => [lane, new Set<Mark>()]));

interface Mark {
  readonly tenant: string;
  readonly since: number;
}

/**
 * Resolves with true when the work takes longer than the lane's patience and may be left, and with false when it has ended.
 * @param tenant whose order it is
 * @param lane that waits for it
 */
export async function leaves(work: Promise<unknown>, tenant: string, lane: Priority): Promise<boolean> {
  const marks = left.get(lane) as Set<Mark>;
  while (await outlastsPatience(work)) {
    if (!mayLeave(tenant, marks)) continue;
    const mark = { tenant, since: now() };
    marks.add(mark);
    const ended = () => void marks.delete(mark);
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

function mayLeave(tenant: string, marks: Set<Mark>): boolean {
  let own = 0;
  for (const mark of marks) {
    if (now() - mark.since > MAX_LEFT_MS) marks.delete(mark);
    else if (mark.tenant === tenant) own++;
  }
  return own < MAX_LEFT - marks.size;
}
