/**
 * How long a lane waits for one of its orders. A batch of hints is done when its last order is, so an order whose provider
 * hangs would hold up all that come after it. Such an order is left to itself: it goes on in its actor, guarded by its alarm,
 * and the lane goes on to the next hints.
 *
 * What the lanes' queues bound, the number of orders at work, is then bounded by them and by `MAX_LEFT` together. When as many
 * are left to themselves already, which is when a provider is slow for everybody, lanes wait for their orders as long as it takes.
 */
import { now } from "../platform/ambient.ts";
import { DeadlineExceeded, within } from "../platform/deadline.ts";

/** Several times what an order takes whose providers answer at once. */
const PATIENCE_MS = 100;

/** As many as a batch of the standard lane, for each isolate. */
const MAX_LEFT = 25;

/** An order whose actor died never says that it has ended. */
const MAX_LEFT_MS = 60_000;

/** When each order of this isolate was left. */
const left = new Map<symbol, number>();

/** Resolves with true when the work takes longer than the lane's patience and may be left, and with false when it has ended. */
export async function leaves(work: Promise<unknown>): Promise<boolean> {
  while (await outlastsPatience(work)) {
    if (!mayLeave()) continue;
    const mark = Symbol();
    left.set(mark, now());
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

function mayLeave(): boolean {
  for (const [mark, since] of left) if (now() - since > MAX_LEFT_MS) left.delete(mark);
  return left.size < MAX_LEFT;
}
