// @ts-check
/** The live counters on the page. It shows the newest frame and remembers only the rates of the last minutes, for the curve. */
import { byId, fill, flash, h, keyedList, setAttribute, setText } from "./dom.js";
import { count, duration, money, share, words } from "./format.js";
import { createSpark } from "./spark.js";
import { STATUS_TONES, STATUSES } from "./vocabulary.js";

/** @import { Outcome, Outcomes, StatsSnapshot, WaitingTime } from "../contract/stats.ts" */
/** @import { OrderStatus, Priority } from "../contract/order.ts" */
/** @import { Tone } from "./vocabulary.js" */

/**
 * What a tile says below its number, and the status that it leads to where there is but one.
 * @type {Readonly<Record<Outcome, { tone: Tone, note: (stats: StatsSnapshot) => string, status?: OrderStatus }>>}
 */
const TILES = {
  processed: { tone: "good", note: (stats) => `${share(stats.processed, stats.submitted)} of ${count(stats.submitted)}` },
  pending: { tone: "moving", note: ({ byStatus: { held } }) => (held > 0 ? `${count(held)} held for review` : "none held for review") },
  failed: { tone: "bad", note: (stats) => `${share(stats.failed, stats.submitted)} of ${count(stats.submitted)}`, status: "failed" },
  cancelled: {
    tone: "quiet",
    note: (stats) => `${share(stats.cancelled, stats.submitted)} of ${count(stats.submitted)}`,
    status: "cancelled",
  },
  quarantined: {
    tone: "alarm",
    note: ({ quarantined }) => (quarantined > 0 ? "needs a person" : "nothing is parked"),
    status: "quarantined",
  },
};
const OUTCOMES = /** @type {Outcome[]} */ (Object.keys(TILES));

/** @type {readonly { label: string, value: (outcomes: Outcomes, waiting: WaitingTime) => string }[]} */
const LANE_ROWS = [
  ...OUTCOMES.map((outcome) => ({ label: outcome, value: (/** @type {Outcomes} */ outcomes) => count(outcomes[outcome]) })),
  { label: "waited, p50", value: (_, { p50Ms }) => wait(p50Ms) },
  { label: "waited, p95", value: (_, { p95Ms }) => wait(p95Ms) },
];

/** @param {number | null} ms */
const wait = (ms) => (ms === null ? "–" : duration(ms));

/** @typedef {{ show(stats: StatsSnapshot): void, setStale(stale: boolean): void }} Counters */

/**
 * @param {object} options
 * @param {(status: OrderStatus) => void} options.onStatus a status was clicked
 * @returns {Counters}
 */
export function createCounters({ onStatus }) {
  const root = byId("counters", HTMLElement);
  const numbers = OUTCOMES.map((outcome) => tile(outcome, onStatus));
  fill(byId("tiles", HTMLElement), ...numbers.map(({ element }) => element));
  /** @type {Lanes | undefined} */
  let lanes;
  const statuses = STATUSES.map((status) => statusRow(status, onStatus));
  fill(byId("statuses", HTMLElement), ...statuses.map(({ element }) => element));
  const revenue = keyedList(
    byId("revenue", HTMLElement),
    (/** @type {[string, number]} */ [currency]) => currency,
    ([currency]) => h("li", {}, h("span", {}, currency), h("span", { class: "amount" })),
    (element, [currency, minor]) => show(/** @type {Element} */ (element.lastElementChild), money(minor, currency)),
  );

  const spark = createSpark(byId("spark", SVGSVGElement));

  return {
    show(stats) {
      for (const { update } of numbers) update(stats);
      lanes ??= createLanes(/** @type {Priority[]} */ (Object.keys(stats.byPriority)));
      lanes(stats);
      const most = Math.max(1, ...Object.values(stats.byStatus));
      for (const { update } of statuses) update(stats, most);
      revenue(Object.entries(stats.revenue).sort(([a], [b]) => a.localeCompare(b)));
      setText(byId("confirmed-rate", HTMLElement), count(stats.throughput.confirmedPerMinute));
      setText(byId("submitted-rate", HTMLElement), count(stats.throughput.submittedPerMinute));
      spark({ at: Date.parse(stats.at), ...stats.throughput });
    },
    setStale: (stale) => setAttribute(root, "data-stale", stale),
  };
}

/** @typedef {(stats: StatsSnapshot) => void} Lanes */

/**
 * A column per lane, and each lane as a choice of the lists of priorities: which lanes there are, the counters say.
 * @param {readonly Priority[]} priorities
 * @returns {Lanes}
 */
function createLanes(priorities) {
  for (const list of ["filter-priority", "sample-priority"]) {
    byId(list, HTMLSelectElement).append(...priorities.map((priority) => h("option", { value: priority }, priority)));
  }
  byId("lanes-head", HTMLElement).append(...priorities.map((priority) => h("th", { scope: "col" }, priority)));
  const rows = LANE_ROWS.map(({ label, value }) => ({ label, value, cells: priorities.map(() => h("td", {}, "–")) }));
  fill(byId("lanes", HTMLElement), ...rows.map(({ label, cells }) => h("tr", {}, h("th", { scope: "row" }, label), ...cells)));
  return ({ byPriority, waiting }) => {
    for (const { value, cells } of rows) {
      for (const [column, priority] of priorities.entries()) {
        setText(/** @type {Element} */ (cells[column]), value(byPriority[priority], waiting[priority]));
      }
    }
  };
}

/** A number that lights up when it changes, though not when it first appears. @param {Element} element @param {string} text */
function show(element, text) {
  const first = element.textContent === "" || element.textContent === "–";
  if (setText(element, text) && !first) flash(element);
}

/** @param {Outcome} outcome @param {(status: OrderStatus) => void} onStatus */
function tile(outcome, onStatus) {
  const { tone, note, status } = TILES[outcome];
  const number = h("strong", { id: `count-${outcome}` }, "–");
  const small = h("small", {}, "\u00a0");
  const label = status === undefined ? h("span", { class: "label" }, outcome) : h("button", { type: "button", class: "label" }, outcome);
  if (status !== undefined) label.addEventListener("click", () => onStatus(status));
  const element = h("li", { "data-tone": tone }, label, number, small);
  return {
    element,
    /** @param {StatsSnapshot} stats */
    update(stats) {
      show(number, count(stats[outcome]));
      setText(small, note(stats));
      setAttribute(element, "data-none", stats[outcome] === 0);
    },
  };
}

/** @param {OrderStatus} status @param {(status: OrderStatus) => void} onStatus */
function statusRow(status, onStatus) {
  const number = h("span", { class: "amount" }, "–");
  const bar = h("span", { class: "bar" });
  const button = h(
    "button",
    { type: "button", title: `Show the orders that are ${words(status)}` },
    h("span", {}, words(status)),
    bar,
    number,
  );
  button.addEventListener("click", () => onStatus(status));
  const element = h("li", { "data-tone": STATUS_TONES[status] }, button);
  return {
    element,
    /** @param {StatsSnapshot} stats @param {number} most of all statuses */
    update({ byStatus }, most) {
      show(number, count(byStatus[status]));
      bar.style.setProperty("--share", String(byStatus[status] / most));
      setAttribute(element, "data-none", byStatus[status] === 0);
    },
  };
}
