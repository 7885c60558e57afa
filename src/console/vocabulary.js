// @ts-check
/**
 * What the console knows of orders: the words for their statuses, steps and actions. It knows no rule: what may be done
 * with an order, and what lies ahead of it, is told by the order.
 */
import { words } from "./format.js";

/** @import { Action, OrderStatus, Step } from "../contract/order.ts" */
/** @import { OrderView } from "../contract/views.ts" */

/** @typedef {"moving" | "waiting" | "good" | "done" | "quiet" | "bad" | "alarm"} Tone */

/** In the order of an order's life. @type {Readonly<Record<OrderStatus, Tone>>} */
export const STATUS_TONES = {
  accepted: "moving",
  processing: "moving",
  held: "waiting",
  confirmed: "good",
  in_fulfilment: "good",
  completed: "done",
  cancelling: "moving",
  cancelled: "quiet",
  failed: "bad",
  quarantined: "alarm",
};

export const STATUSES = /** @type {OrderStatus[]} */ (Object.keys(STATUS_TONES));

const ORDER_ID = /^ord_[0-9a-hjkmnp-tv-z]{26}$/;

/** @param {string} text */
export const isOrderId = (text) => ORDER_ID.test(text);

/** Nothing more happens to an order in these. @type {ReadonlySet<OrderStatus>} */
export const AT_REST = new Set(/** @type {const} */ (["completed", "cancelled", "failed"]));

/** The forward steps in the order they are taken, then those that undo. @type {Readonly<Record<Step, string>>} */
export const STEP_NAMES = {
  screen: "Screen for risk",
  authorize: "Authorize payment",
  reserve: "Reserve stock",
  route: "Route to a carrier",
  capture: "Capture payment",
  commit: "Commit stock",
  confirm: "Send confirmation",
  refund: "Refund payment",
  unroute: "Cancel routing",
  void: "Void authorization",
  release: "Release stock",
};

/** @param {unknown} step */
export const stepName = (step) => STEP_NAMES[/** @type {Step} */ (step)] ?? words(String(step));

/**
 * @typedef {object} Button
 * @property {string} command the last part of the path
 * @property {string} label
 * @property {Record<string, string>} body
 * @property {boolean} explained whether a reason is asked for before it is sent
 * @property {"plain" | "primary" | "danger"} weight
 */

/** How an action looks. One that is not here, as a correction, needs more than a button. @type {Readonly<Partial<Record<Action, Omit<Button, "command" | "body">>>>} */
const BUTTONS = {
  approve: { label: "Approve", explained: true, weight: "primary" },
  reject: { label: "Reject", explained: true, weight: "danger" },
  redrive: { label: "Redrive", explained: true, weight: "primary" },
  stage: { label: "Advance to", explained: false, weight: "primary" },
  expedite: { label: "Expedite", explained: false, weight: "plain" },
  cancel: { label: "Cancel order", explained: true, weight: "danger" },
};

/**
 * The buttons for what the order says may be done with it. Nothing is judged here.
 * @param {Pick<OrderView, "actions" | "nextStage">} order
 * @returns {Button[]}
 */
export function buttonsFor({ actions, nextStage }) {
  return actions.flatMap(
    /** @returns {Button[]} */ (command) => {
      /** @type {Omit<Button, "command" | "body"> | undefined} */
      const button = BUTTONS[command];
      if (button === undefined) return [];
      if (command !== "stage") return [{ ...button, command, body: {} }];
      return nextStage === null ? [] : [{ ...button, command, label: `${button.label} ${words(nextStage)}`, body: { stage: nextStage } }];
    },
  );
}
