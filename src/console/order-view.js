// @ts-check
/** What the panel shows of one version of an order: its state, its steps and its goods. It reads and follows nothing. */
import { badge, priorityMark } from "./badge.js";
import { byId, fill, h, setAttribute, setText } from "./dom.js";
import { count, duration, money, reasonText, words } from "./format.js";
import { ago } from "./time.js";
import { STATUS_TONES, STEP_NAMES, stepName } from "./vocabulary.js";

/** @import { OrderView } from "../contract/views.ts" */
/** @import { Step } from "../contract/order.ts" */

/** @param {OrderView} order */
export function showOrder(order) {
  const { status, stage, priority, track, currency, total, reference, customer, shipTo, placedAt, startedAt, confirmedAt, updatedAt } =
    order;
  fill(
    byId("order-headline", HTMLElement),
    badge(status, stage),
    priorityMark(priority),
    h("strong", { class: "total" }, money(total, currency)),
  );
  const situation = byId("order-situation", HTMLElement);
  setAttribute(situation, "data-tone", STATUS_TONES[status]);
  if (order.reason !== null) tellSituation(reasonText(order.reason));
  fill(
    byId("order-facts", HTMLElement),
    ...fact("Placed", ago(placedAt)),
    ...fact("Waited", startedAt === null ? "not begun" : spanOf(placedAt, startedAt)),
    ...fact("Confirmed", confirmedAt === null ? "–" : `after ${spanOf(placedAt, confirmedAt)}`),
    ...fact("Changed", ago(updatedAt)),
    ...fact("Track", track),
    ...fact("Reference", reference ?? "–"),
    ...fact("Customer", customer.id ?? "guest"),
    ...fact("Ship to", [shipTo.city, shipTo.postalCode, shipTo.country].filter(Boolean).join(", ")),
  );
  fill(byId("order-steps", HTMLElement), ...stepItems(order));
  fill(byId("order-goods", HTMLElement), ...goodsRows(order));
}

/** Why the order is where it is. @param {string} sentence */
export function tellSituation(sentence) {
  const situation = byId("order-situation", HTMLElement);
  situation.hidden = sentence === "";
  setText(situation, sentence);
}

/** @param {string} name @param {Node | string} value */
const fact = (name, value) => [h("dt", {}, name), h("dd", {}, value)];

/** @param {string} from @param {string} to */
const spanOf = (from, to) => duration(Math.max(0, Date.parse(to) - Date.parse(from)));

/** What was done and is being done, and what lies ahead. @param {OrderView} order */
function stepItems({ steps, ahead }) {
  const sorted = steps.toSorted((a, b) => placeOf(a.step) - placeOf(b.step));
  return [
    ...sorted.map(({ step, state, attempt, retryAt, reference, lastFailure }) =>
      h(
        "li",
        { "data-state": state },
        h("span", { class: "name" }, stepName(step)),
        h(
          "span",
          { class: "state" },
          state === "succeeded" && reference ? h("code", { title: `${state}; the provider's name for it` }, reference) : state,
        ),
        (attempt > 1 || lastFailure !== null) && h("span", { class: "failure" }, ...attemptText(attempt, retryAt, lastFailure)),
      ),
    ),
    ...ahead.map((step) =>
      h("li", { "data-state": "ahead" }, h("span", { class: "name" }, stepName(step)), h("span", { class: "state" }, "ahead")),
    ),
  ];
}

/** "attempt 3 in 4 s · after: timeout". @param {number} attempt @param {string | null} retryAt @param {string | null} lastFailure */
const attemptText = (attempt, retryAt, lastFailure) => [
  `attempt ${attempt}`,
  ...(retryAt === null ? [] : [" ", ago(retryAt)]),
  ...(lastFailure === null ? [] : [` · after: ${lastFailure}`]),
];

/** @param {Step} step */
const placeOf = (step) => Object.keys(STEP_NAMES).indexOf(step);

/** @param {OrderView} order */
function goodsRows({ lines, charges, total, currency }) {
  return [
    ...lines.map(({ sku, description, quantity, unitPrice }) =>
      h(
        "tr",
        {},
        h("td", {}, description ?? sku, description && h("small", {}, sku)),
        h("td", { class: "number" }, `${count(quantity)} × ${money(unitPrice, currency)}`),
        h("td", { class: "number" }, money(quantity * unitPrice, currency)),
      ),
    ),
    ...charges.map(({ code, description, amount }) =>
      h("tr", {}, h("td", {}, description ?? words(code)), h("td"), h("td", { class: "number" }, money(amount, currency))),
    ),
    h("tr", { class: "sum" }, h("td", {}, "Total"), h("td"), h("td", { class: "number" }, money(total, currency))),
  ];
}
