/**
 * The graph of the saga as data, and the few questions asked of it. Steps of one group run side by side; a group begins
 * when the one before it has wholly succeeded. Undo runs the groups backwards.
 */
import type { ForwardStep, Step, UndoStep } from "../contract/order.ts";

/**
 * Stock is committed beside the capture, so that the confirmation, which cannot be taken back, is the last thing done
 * and the only thing in its group.
 */
export const FORWARD: readonly (readonly ForwardStep[])[] = [
  ["screen", "authorize", "reserve"],
  ["route"],
  ["capture", "commit"],
  ["confirm"],
];

/** Last effect first. A captured payment is refunded, which also settles its authorization; a committed reservation is released like any other. */
export const UNDO: readonly (readonly UndoStep[])[] = [["refund"], ["unroute"], ["void", "release"]];

/** Which forward step each undo takes back. */
export const UNDOES: Readonly<Record<UndoStep, ForwardStep>> = {
  refund: "capture",
  unroute: "route",
  void: "authorize",
  release: "reserve",
};

const UNDO_STEPS: ReadonlySet<Step> = new Set(Object.keys(UNDOES) as UndoStep[]);

export const isUndo = (step: Step): step is UndoStep => UNDO_STEPS.has(step);
