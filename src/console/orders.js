// @ts-check
/** The table of recent orders, from the history. It follows the counters, at its own pace, and trails the orders by seconds. */
import { now } from "./ambient.js";
import { badge, priorityMark } from "./badge.js";
import { byId, fill, flash, h, keyedList, setAttribute, setText } from "./dom.js";
import { count, duration, money, reasonText, shortId, words } from "./format.js";
import { ago, setAgo } from "./time.js";
import { STATUSES } from "./vocabulary.js";

/** @import { z } from "zod" */
/** @import { OrderStatus } from "../contract/order.ts" */
/** @import { OrderList, OrderListItem } from "../contract/views.ts" */
/** @import { Api } from "./api.js" */

/** @typedef {z.infer<typeof OrderListItem>} Item */
/** @typedef {z.infer<typeof OrderList>} Page */

const PAGE_SIZE = 20;

/** A busy system changes many times a second; a person reads a table more slowly, and every reading costs rows. */
const MIN_REFRESH_MS = 2_000;

/** The counters know of a change before the history does: the first reading waits a moment, and a second one makes sure. */
const SETTLE_MS = 400;
const READINGS_PER_CHANGE = 2;

/**
 * @typedef {object} Orders
 * @property {() => void} changed something did; the table is read again soon
 * @property {(status: OrderStatus) => void} filterBy
 * @property {(id: string | null) => void} mark the order that the panel shows
 */

/**
 * @param {object} options
 * @param {Api} options.api
 * @param {AbortSignal} options.signal
 * @returns {Orders}
 */
export function createOrders({ api, signal }) {
  const table = byId("orders-table", HTMLTableElement);
  const empty = byId("orders-empty", HTMLElement);
  const trouble = byId("orders-problem", HTMLElement);
  const status = byId("filter-status", HTMLSelectElement);
  const priority = byId("filter-priority", HTMLSelectElement);
  const newest = byId("page-newest", HTMLButtonElement);
  const older = byId("page-older", HTMLButtonElement);
  const note = byId("page-note", HTMLElement);
  /** @type {string | null} */
  let marked = null;
  /** Of the page that is shown; null: the newest. @type {string | null} */
  let cursor = null;
  /** @type {string | null} */
  let nextCursor = null;
  /** Rises with every reading, so that an answer that was overtaken is recognised. */
  let reading = 0;
  let readAt = Number.NEGATIVE_INFINITY;
  /** How often the table is still to be read for what has changed. */
  let owed = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let planned;

  fill(status, h("option", { value: "" }, "every status"), ...STATUSES.map((each) => h("option", { value: each }, words(each))));
  const tbody = byId("orders", HTMLElement);
  const showRow = (/** @type {Element} */ row, /** @type {Item} */ item) => {
    updateRow(row, item);
    setAttribute(row, "aria-current", item.id === marked && "true");
  };
  const rows = keyedList(tbody, (/** @type {Item} */ { id }) => id, createRow, showRow);

  async function read() {
    clearTimeout(planned);
    planned = undefined;
    readAt = now();
    owed = Math.max(0, owed - 1);
    plan();
    const mine = ++reading;
    const query = new URLSearchParams({ limit: String(PAGE_SIZE) });
    if (status.value) query.set("status", status.value);
    if (priority.value) query.set("priority", priority.value);
    if (cursor !== null) query.set("cursor", cursor);
    table.setAttribute("aria-busy", "true");
    /** @type {import("./api.js").Answer<Page>} */
    const answer = await api.get(`/v1/orders?${query}`);
    if (mine !== reading || signal.aborted) return;
    table.removeAttribute("aria-busy");
    if (answer.outcome === "problem") return showProblem(answer.problem.detail);
    if (answer.outcome === "ok") showPage(answer.body);
  }

  /** @param {Page} page */
  function showPage(page) {
    trouble.hidden = true;
    nextCursor = page.nextCursor;
    rows(page.orders);
    table.hidden = page.orders.length === 0;
    empty.hidden = page.orders.length > 0;
    if (page.orders.length === 0) fill(empty, ...emptiness());
    newest.disabled = cursor === null;
    older.disabled = nextCursor === null;
    setText(note, cursor === null ? "" : "Older orders");
  }

  /** @param {string} detail */
  function showProblem(detail) {
    const again = h("button", { type: "button" }, "Try again");
    again.addEventListener("click", read);
    fill(trouble, h("span", {}, `The orders cannot be listed: ${detail}.`), again);
    trouble.hidden = false;
    if (empty.textContent === "Loading …") empty.hidden = true;
  }

  function emptiness() {
    if (status.value === "" && priority.value === "" && cursor === null) {
      return [h("strong", {}, "No orders yet"), "Submit a sample order above, and watch it move."];
    }
    const clear = h("button", { type: "button" }, "Show all orders");
    clear.addEventListener("click", () => {
      status.value = priority.value = "";
      turnTo(null);
    });
    return [h("strong", {}, "No such orders"), clear];
  }

  /** @param {string | null} to */
  function turnTo(to) {
    cursor = to;
    return read();
  }

  /** A page that nobody sees owes its readings until somebody does. */
  function plan() {
    if (planned !== undefined || owed === 0 || document.hidden || signal.aborted) return;
    planned = setTimeout(read, Math.max(SETTLE_MS, readAt + MIN_REFRESH_MS - now()));
  }

  for (const filter of [status, priority]) filter.addEventListener("change", () => turnTo(null), { signal });
  newest.addEventListener("click", () => turnTo(null), { signal });
  older.addEventListener("click", () => turnTo(nextCursor), { signal });
  document.addEventListener("visibilitychange", plan, { signal });
  signal.addEventListener("abort", () => clearTimeout(planned));
  read();

  return {
    changed() {
      owed = READINGS_PER_CHANGE;
      plan();
    },
    filterBy(wanted) {
      status.value = wanted;
      priority.value = "";
      turnTo(null);
      const title = byId("orders-title", HTMLElement);
      if (title.getBoundingClientRect().top > window.innerHeight / 2) title.scrollIntoView();
    },
    mark(id) {
      marked = id;
      for (const row of tbody.children) setAttribute(row, "aria-current", row.id === `row-${id}` && "true");
    },
  };
}

/** @param {Item} item */
function createRow({ id, reference, customerId, currency, total, lineCount, placedAt }) {
  const link = h("a", { href: `#order=${id}`, title: id }, shortId(id));
  return h(
    "tr",
    { id: `row-${id}` },
    h("td", { class: "id" }, link, reference && h("small", { title: "Your own number" }, reference)),
    h("td", { class: "status" }),
    h("td", { class: "priority" }),
    h("td", { class: "customer" }, customerId ?? h("span", { class: "none" }, "guest")),
    h("td", { class: "number lines" }, count(lineCount)),
    h("td", { class: "number total" }, money(total, currency)),
    h("td", { class: "number waited" }),
    h("td", { class: "number confirmed" }),
    h("td", { class: "number placed" }, ago(placedAt)),
  );
}

/** What an order can change after it was placed; the rest of the row is written once. @param {Element} row @param {Item} item */
function updateRow(row, item) {
  for (const time of row.querySelectorAll("time")) setAgo(time, item.placedAt);
  const version = String(item.version);
  if (row.getAttribute("data-version") === version) return;
  const known = row.hasAttribute("data-version");
  row.setAttribute("data-version", version);
  const cell = (/** @type {string} */ name) => /** @type {Element} */ (row.querySelector(`.${name}`));
  const reason = item.reason && h("small", { title: item.reason }, reasonText(item.reason));
  fill(cell("status"), badge(item.status, item.stage), reason);
  fill(cell("priority"), priorityMark(item.priority));
  setText(cell("waited"), span(item.placedAt, item.startedAt));
  setText(cell("confirmed"), span(item.placedAt, item.confirmedAt));
  if (known) flash(row);
}

/** @param {string} from @param {string | null} to */
const span = (from, to) => (to === null ? "–" : duration(Math.max(0, Date.parse(to) - Date.parse(from))));
