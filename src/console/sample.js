// @ts-check
/**
 * Sample orders: small, plausible, and with a chosen outcome, forced by the magic values of `providers/sandbox.ts`. They
 * carry no e-mail address, so nobody is written to; with a real payment provider their tokens are simply declined.
 */
import { random, unique } from "./ambient.js";
import { byId, fill, h, setAttribute } from "./dom.js";
import { shortId } from "./format.js";

/** @import { Api } from "./api.js" */
/** @import { TrackName } from "../contract/order.ts" */
/** @import { OrderReceipt } from "../contract/views.ts" */

/**
 * @typedef {object} Scenario
 * @property {string} label
 * @property {string} [token] of the payment
 * @property {string} [postalCode]
 * @property {number} [quantity] of each line; a large one makes an order that is held for review
 */

/** @typedef {{ sku: string, description: string, unitPrice: number }} Good `unitPrice` in minor units */
/** @typedef {{ track: TrackName, currency: string, country: string, goods: readonly Good[] }} Shop */

const DEFAULT_TOKEN = "tok_visa";
/** With any of the goods below it comes to more than the 10,000.00 from which an order is reviewed: `domain/risk.ts`. */
const QUANTITY_TO_REVIEW = 6_000;

/** @type {Readonly<Record<string, readonly Scenario[]>>} */
export const SCENARIOS = {
  "Goes through": [{ label: "confirmed" }, { label: "held for review (large amount)", quantity: QUANTITY_TO_REVIEW }],
  "The card": [
    { label: "is declined", token: "tok_declined" },
    { label: "has no funds", token: "tok_insufficient_funds" },
    { label: "is declined at capture", token: "tok_capture_declined" },
    { label: "works at the third try", token: "tok_flaky" },
    { label: "takes a second", token: "tok_slow" },
    { label: "never answers", token: "tok_timeout" },
    { label: "is unavailable", token: "tok_down" },
    { label: "can never work", token: "tok_poison" },
    { label: "works, its undo does not", token: "tok_undo_down" },
  ],
  "The carrier": [
    { label: "does not go there", postalCode: "UNROUTABLE" },
    { label: "works at the third try", postalCode: "ROUTE-FLAKY" },
    { label: "takes a second", postalCode: "ROUTE-SLOW" },
    { label: "never answers", postalCode: "ROUTE-TIMEOUT" },
    { label: "is unavailable", postalCode: "ROUTE-DOWN" },
    { label: "can never work", postalCode: "ROUTE-POISON" },
  ],
};

const ALL = Object.values(SCENARIOS).flat();

/** @type {readonly Shop[]} */
const SHOPS = [
  {
    track: "retail",
    currency: "GBP",
    country: "GB",
    goods: [
      { sku: "85123A", description: "White hanging heart t-light holder", unitPrice: 255 },
      { sku: "22423", description: "Regency cakestand 3 tier", unitPrice: 1275 },
      { sku: "84879", description: "Assorted colour bird ornament", unitPrice: 169 },
      { sku: "22720", description: "Set of 3 cake tins pantry design", unitPrice: 495 },
    ],
  },
  {
    track: "bakery",
    currency: "EUR",
    country: "DE",
    goods: [
      { sku: "LOAF-RYE", description: "Rye sourdough, 1 kg", unitPrice: 640 },
      { sku: "CAKE-PLUM", description: "Plum tray cake", unitPrice: 2450 },
      { sku: "ROLL-POPPY", description: "Poppy seed roll", unitPrice: 210 },
    ],
  },
];

const MAX_QUANTITY = 6;

/** @param {string} priority @param {Omit<Scenario, "label">} scenario */
export function sampleOrder(priority, { token = DEFAULT_TOKEN, postalCode, quantity }) {
  const { track, currency, country, goods } = pick(SHOPS);
  const first = pick(goods);
  const second = pick(goods);
  const lines = (first === second ? [first] : [first, second]).map((good) => ({
    ...good,
    quantity: quantity ?? 1 + Math.floor(random() * MAX_QUANTITY),
  }));
  return {
    reference: "console sample",
    ...(priority && { priority }),
    track,
    currency,
    lines,
    shipTo: { country, ...(postalCode && { postalCode }) },
    payment: { token },
  };
}

/** @template Item @param {readonly Item[]} items @returns {Item} */
const pick = (items) => /** @type {Item} */ (items[Math.floor(random() * items.length)]);

/**
 * @param {object} options
 * @param {Api} options.api
 * @param {AbortSignal} options.signal
 */
export function wireSamples({ api, signal }) {
  const form = byId("sample", HTMLFormElement);
  const scenario = byId("sample-scenario", HTMLSelectElement);
  const priority = byId("sample-priority", HTMLSelectElement);
  const button = byId("sample-submit", HTMLButtonElement);
  const notice = byId("sample-notice", HTMLElement);

  let index = 0;
  const groups = Object.entries(SCENARIOS).map(([label, scenarios]) =>
    h("optgroup", { label }, ...scenarios.map((each) => h("option", { value: String(index++) }, optionText(label, each)))),
  );
  fill(scenario, ...groups);

  form.addEventListener(
    "submit",
    async (event) => {
      event.preventDefault();
      if (button.getAttribute("aria-busy")) return;
      setAttribute(button, "aria-busy", "true");
      const order = sampleOrder(priority.value, ALL[Number(scenario.value)] ?? {});
      /** @type {import("./api.js").Answer<OrderReceipt>} */
      const answer = await api.post("/v1/orders", order, { "idempotency-key": `console-${unique()}` });
      setAttribute(button, "aria-busy", null);
      if (signal.aborted) return;
      notice.hidden = false;
      if (answer.outcome === "ok") {
        const { id } = answer.body;
        fill(notice, "Accepted ", h("a", { href: `#order=${id}`, title: id }, shortId(id)));
      } else if (answer.outcome === "problem") fill(notice, `Not accepted: ${answer.problem.detail}`);
    },
    { signal },
  );
}

/** The group's name is repeated, because a closed list shows the option alone. @param {string} group @param {Scenario} scenario */
function optionText(group, { label }) {
  return group === "Goes through" ? `Sample: ${label}` : `Sample: ${group.toLowerCase()} ${label}`;
}
