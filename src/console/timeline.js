// @ts-check
/** An order's journal in words: what each event says to a person. An event that is not known yet is shown as it is. */

import { now } from "./ambient.js";
import { fill, h, setAttribute } from "./dom.js";
import { absolute, duration, timeToMs, words } from "./format.js";
import { stepName } from "./vocabulary.js";

/** @import { z } from "zod" */
/** @import { TimelineEntry } from "../contract/views.ts" */
/** @import { OrderEvent } from "../contract/events.ts" */
/** @import { Tone } from "./vocabulary.js" */

/** @typedef {z.infer<typeof TimelineEntry>} Entry */
/** @typedef {{ title: string, detail?: string | undefined, tone: Tone }} Line */

/** @param {string | undefined} by @param {string | undefined} reason */
const said = (by, reason) => [by && `by ${by}`, reason && `“${reason}”`].filter(Boolean).join(": ");

/** @param {number} attempt */
const attempt = (attempt) => (attempt > 1 ? ` (attempt ${attempt})` : "");

/** @param {{ reference?: string | undefined, flags?: string[] | undefined } | undefined} facts */
const factsOf = (facts) => [facts?.reference, facts?.flags?.map(words).join(", ")].filter(Boolean).join(" · ");

/** @param {{ reason: string, detail?: string | undefined }} refusal */
const refusalOf = ({ reason, detail }) => words(reason) + (detail ? `: ${detail}` : "");

/**
 * @param {Entry} entry
 * @returns {Line}
 */
export function lineOf({ type, at, data }) {
  const event = /** @type {OrderEvent} */ ({ type, ...data });
  switch (event.type) {
    case "OrderPlaced":
      return { title: "Accepted", tone: "moving" };
    case "OrderStarted":
      return { title: "Work began", tone: "moving" };
    case "StepStarted":
      return { title: `${stepName(event.step)}: begun${attempt(event.attempt)}`, tone: "quiet" };
    case "StepSucceeded":
      return { title: `${stepName(event.step)}: done${attempt(event.attempt)}`, detail: factsOf(event.facts), tone: "good" };
    case "StepRefused":
      return { title: `${stepName(event.step)}: refused`, detail: refusalOf(event.refusal), tone: "bad" };
    case "StepFailed": {
      const next = event.retryAt === null ? "no retry left" : `again after ${duration(Math.max(0, event.retryAt - Date.parse(at)))}`;
      return {
        title: `${stepName(event.step)}: ${event.failure} failure${attempt(event.attempt)}`,
        detail: `${event.detail} · ${next}`,
        tone: "waiting",
      };
    }
    case "StepBlocked":
      return {
        title: `${stepName(event.step)}: waits for its provider`,
        detail: `${event.provider} is not called for now`,
        tone: "waiting",
      };
    case "LateAnswerRecorded":
      return { title: `${stepName(event.step)}: late answer${attempt(event.attempt)}`, detail: event.outcome, tone: "waiting" };
    case "OrderHeld":
      return { title: "Held for review", detail: event.flags.map(words).join(", "), tone: "waiting" };
    case "OrderApproved":
      return { title: "Approved", detail: said(event.by, event.reason), tone: "good" };
    case "OrderRejected":
      return { title: "Rejected", detail: said(event.by, event.refusal.detail ?? words(event.refusal.reason)), tone: "bad" };
    case "OrderPromoted":
      return {
        title: `Moved to the ${event.to} lane`,
        detail: event.because === "aged" ? "it had waited too long" : "on request",
        tone: "moving",
      };
    case "CancellationRequested":
      return { title: "Cancellation requested", detail: said(event.by, event.reason), tone: "waiting" };
    case "OrderConfirmed":
      return { title: "Confirmed", tone: "good" };
    case "OrderCancelled":
      return { title: "Cancelled, all undone", tone: "quiet" };
    case "OrderFailed":
      return { title: "Failed, all undone", tone: "bad" };
    case "OrderQuarantined": {
      const { step, class: kind, detail } = event.cause;
      return { title: "Quarantined", detail: [step && stepName(step), kind, detail].filter(Boolean).join(" · "), tone: "alarm" };
    }
    case "OrderCorrected":
      return {
        title: `Corrected: ${Object.keys(event.changes).map(words).join(", ")}`,
        detail: said(event.by, event.reason),
        tone: "moving",
      };
    case "OrderRedriven":
      return { title: "Redriven", detail: said(event.by, event.reason), tone: "moving" };
    case "StageReached":
      return { title: `Stage: ${words(event.stage)}`, detail: said(event.by, undefined), tone: "good" };
    case "StageOverran":
      return { title: `Stage ${words(event.stage)} overran its time`, tone: "waiting" };
    case "OrderCompleted":
      return { title: "Completed", tone: "done" };
    default:
      return { title: words(type), detail: Object.keys(data).length > 0 ? JSON.stringify(data) : undefined, tone: "quiet" };
  }
}

/**
 * Events of one commit share its time, so each commit is one item: its time, how long after the one before, its events.
 * @param {Element} list
 * @param {readonly Entry[]} entries oldest first
 */
export function showTimeline(list, entries) {
  /** @type {Map<number, Entry[]>} */
  const commits = new Map();
  for (const entry of entries) commits.set(entry.version, [...(commits.get(entry.version) ?? []), entry]);
  let before = Number.NaN;
  const items = [...commits.values()].map((commit) => {
    const at = /** @type {Entry} */ (commit[0]).at;
    const since = Date.parse(at) - before;
    before = Date.parse(at);
    const time = h("time", { datetime: at, title: absolute(before) }, timeToMs(before, now()));
    const gap = h("span", { class: "gap", title: "after the commit before" }, since > 0 ? `+${duration(since)}` : "");
    return h("li", {}, h("div", { class: "when" }, time, gap), h("ul", {}, ...commit.map(eventItem)));
  });
  fill(list, ...items);
}

/** @param {Entry} entry */
function eventItem(entry) {
  const { title, detail, tone } = lineOf(entry);
  const item = h("li", { title: entry.type }, title, detail ? h("span", { class: "detail" }, detail) : null);
  setAttribute(item, "data-tone", tone);
  return item;
}
