/** Graphs of other releases, for tests in which the graph changes while orders are on their way. */
import type { Step } from "../../src/contract/order.ts";
import { CURRENT_SAGA, SAGAS, type Saga } from "../../src/domain/saga.ts";

/** A version that no release of ours has. */
export const OTHER_RELEASE = 9_999;

/** The current graph. */
export const currentSaga = SAGAS[CURRENT_SAGA] as Saga;

/** A graph as it was before these steps were added to it; a group that had only them was not there. */
export function sagaWithout(...added: readonly Step[]): Saga {
  const { forward, undo, undoes } = currentSaga;
  const known = <Name extends Step>(groups: readonly (readonly Name[])[]) =>
    groups.map((group) => group.filter((step) => !added.includes(step))).filter((group) => group.length > 0);
  const undone = Object.entries(undoes).filter(([, forward]) => !added.includes(forward));
  return { forward: known(forward), undo: known(undo), undoes: Object.fromEntries(undone) };
}

/** From now on this process holds the graph under this version, as another release does. */
export function release(version: number, saga: Saga): void {
  (SAGAS as Record<number, Saga>)[version] = saga;
}
