// @ts-check
/**
 * What the console knows of orders: the words for their statuses and steps, and what a person may ask of them. The rules
 * themselves are the server's; a test holds the stages and the sandbox's values here against its tables.
 */
import { words } from "./format.js";

/** @import { OrderStatus, Step, TrackName } from "../contract/order.ts" */
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

/** Shown as ahead while an order is on its way; the undo steps only appear once they begin. @type {readonly Step[]} */
export const FORWARD_STEPS = ["screen", "authorize", "reserve", "route", "capture", "commit", "confirm"];

/** @param {unknown} step */
export const stepName = (step) => STEP_NAMES[/** @type {Step} */ (step)] ?? words(String(step));

/** As in `domain/tracks.ts`. @type {Readonly<Record<TrackName, readonly string[]>>} */
export const STAGES = {
  retail: ["picking", "packing", "shipped", "delivered"],
  bakery: ["preparation", "baking", "quality_check", "packaging", "out_for_delivery", "delivered"],
};

/**
 * @typedef {object} Action
 * @property {string} command the last part of the path
 * @property {string} label
 * @property {Record<string, string>} body
 * @property {"reason" | "note" | null} asks for a text of this name before it is sent; null: sent at once
 * @property {"plain" | "primary" | "danger"} weight
 */

/**
 * What the server would accept now. It judges for itself: an order may have moved since it was read.
 * @param {Pick<OrderView, "status" | "priority" | "track" | "stage">} order
 * @returns {Action[]}
 */
export function actionsFor({ status, priority, track, stage }) {
  /** @type {Action[]} */
  const actions = [];
  if (status === "held") actions.push({ command: "approve", label: "Approve", body: {}, asks: "note", weight: "primary" });
  if (status === "held") actions.push({ command: "reject", label: "Reject", body: {}, asks: "note", weight: "danger" });
  if (status === "quarantined") actions.push({ command: "redrive", label: "Redrive", body: {}, asks: "note", weight: "primary" });
  if (status === "confirmed" || status === "in_fulfilment") {
    const stages = STAGES[track];
    const next = stages[stage === null ? 0 : stages.indexOf(stage) + 1];
    if (next) actions.push({ command: "stage", label: `Advance to ${words(next)}`, body: { stage: next }, asks: null, weight: "primary" });
  }
  if (priority === "standard" && (status === "accepted" || status === "processing")) {
    actions.push({ command: "expedite", label: "Expedite", body: {}, asks: null, weight: "plain" });
  }
  if (["accepted", "processing", "held", "confirmed", "quarantined"].includes(status)) {
    actions.push({ command: "cancel", label: "Cancel order", body: {}, asks: "reason", weight: "danger" });
  }
  return actions;
}
