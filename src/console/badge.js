// @ts-check
/** The small marks that orders carry in the table and in the panel. Never by colour alone: each has its words. */
import { h } from "./dom.js";
import { words } from "./format.js";
import { STATUS_TONES } from "./vocabulary.js";

/** @import { OrderStatus, Priority } from "../contract/order.ts" */

/** @param {OrderStatus} status @param {string | null} stage */
export function badge(status, stage) {
  const text = stage !== null && status === "in_fulfilment" ? words(stage) : words(status);
  return h("span", { class: "badge", "data-tone": STATUS_TONES[status], "data-status": status, title: words(status) }, text);
}

/** @param {Priority} priority */
export const priorityMark = (priority) => h("span", { class: "priority-mark", "data-priority": priority }, priority);
