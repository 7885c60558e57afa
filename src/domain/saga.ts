/**
 * The graphs of the saga as data. An order pins the version under which it was accepted and is carried to its end by that
 * graph, forward and backward, so a change here alters no order in flight. A graph that was released is never changed: a
 * change is a further version, and the old ones stay for the orders that pinned them.
 */
import { type ForwardStep, type Step, UndoStep } from "../contract/order.ts";

export interface Saga {
  /** Steps of one group run side by side; a group begins when the one before it has wholly succeeded. */
  readonly forward: readonly (readonly ForwardStep[])[];
  /** Groups of undos, the last effect first. */
  readonly undo: readonly (readonly UndoStep[])[];
  /** Which forward step each undo takes back. */
  readonly undoes: Readonly<Partial<Record<UndoStep, ForwardStep>>>;
}

/** By version. */
export const SAGAS: Readonly<Record<number, Saga>> = {
  1: {
    // Stock is committed beside the capture, so that the confirmation, which cannot be taken back, is the last thing done
    // and the only thing in its group.
    forward: [["screen", "authorize", "reserve"], ["route"], ["capture", "commit"], ["confirm"]],
    // A captured payment is refunded, which also settles its authorization. A committed reservation is released like any other.
    undo: [["refund"], ["unroute"], ["void", "release"]],
    undoes: { refund: "capture", unroute: "route", void: "authorize", release: "reserve" },
  },
};

/** What an order that is accepted now is carried by. */
export const CURRENT_SAGA = 1;

/** Undefined for a version that this release does not hold: a later release accepted the order, and was rolled back. */
export const sagaOf = (version: number): Saga | undefined => SAGAS[version];

const UNDO_STEPS: ReadonlySet<Step> = new Set(UndoStep.options);

export const isUndo = (step: Step): step is UndoStep => UNDO_STEPS.has(step);
