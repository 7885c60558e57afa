/** Stock, as warehouses report it. Orders reserve and return stock through the inventory port, never through here. */

import { z } from "zod";
import { type AdjustAnswer, type StockLevel, stockActor } from "../actors/addresses.ts";
import { Sku } from "../contract/order.ts";
import { IdempotencyKey } from "../contract/primitives.ts";
import { problem } from "../contract/problems.ts";
import { AdjustStock, MAX_ADJUSTMENTS, ReceiveStock, StockAdjustments, StockView } from "../contract/stock.ts";
import { body, errors, json, route, router } from "./openapi.ts";
import { respond } from "./problem.ts";

const bySku = z.object({ sku: Sku });

const named = z.object({ "idempotency-key": IdempotencyKey });

/** The routes below `/v1/stock`. */
export const stock = router();

stock.openapi(
  route("orders:read", {
    method: "get",
    path: "/{sku}",
    summary: "Read the stock of a SKU",
    tags: ["stock"],
    request: { params: bySku },
    responses: { 200: json(StockView, "On hand is available plus reserved."), ...errors(404) },
  }),
  async (c) => {
    const { sku } = c.req.valid("param");
    const level = await stockActor(c.env, c.var.caller.tenant, sku).stock();
    return c.json(viewOf(sku, level), 200);
  },
);

stock.openapi(
  route("ops", {
    method: "post",
    path: "/{sku}/receipts",
    summary: "Receive goods into stock",
    description:
      "From its first receipt on, a SKU is tracked: orders reserve it and are refused when it runs out. The Idempotency-Key names the delivery.",
    tags: ["stock"],
    request: {
      params: bySku,
      headers: named,
      body: body(ReceiveStock),
    },
    responses: { 200: json(StockView, "The stock after the receipt."), ...errors(400, 404, 409, 413, 415, 422) },
  }),
  async (c) => {
    const { sku } = c.req.valid("param");
    const receipt = { receiptId: c.req.valid("header")["idempotency-key"], quantity: c.req.valid("json").quantity };
    const answer = await stockActor(c.env, c.var.caller.tenant, sku).receive(receipt);
    if (answer.outcome === "refused")
      return respond(
        c,
        problem("receipt-conflict", `this receipt was of ${answer.refusal.quantity}`, { quantity: answer.refusal.quantity }),
      );
    return c.json(viewOf(sku, answer.level), 200);
  },
);

stock.openapi(
  route("ops", {
    method: "post",
    path: "/{sku}/adjustments",
    summary: "Correct the stock of a SKU",
    description:
      "For what was counted, broken or stolen. It never takes out what is reserved for orders. Who, when and why is kept. The Idempotency-Key names the adjustment.",
    tags: ["stock"],
    request: { params: bySku, headers: named, body: body(AdjustStock) },
    responses: { 200: json(StockView, "The stock after the adjustment."), ...errors(400, 404, 409, 413, 415, 422) },
  }),
  async (c) => {
    const { sku } = c.req.valid("param");
    const { tenant, name: by } = c.var.caller;
    const adjustment = { adjustmentId: c.req.valid("header")["idempotency-key"], ...c.req.valid("json"), by };
    const answer = await stockActor(c.env, tenant, sku).adjust(adjustment);
    return answer.outcome === "refused" ? respond(c, refusedAdjustment(answer.refusal)) : c.json(viewOf(sku, answer.level), 200);
  },
);

stock.openapi(
  route("orders:read", {
    method: "get",
    path: "/{sku}/adjustments",
    summary: "See how the stock of a SKU was corrected",
    tags: ["stock"],
    request: { params: bySku },
    responses: { 200: json(StockAdjustments, "Who corrected it, when, by how much and why."), ...errors(404) },
  }),
  async (c) => {
    const entries = await stockActor(c.env, c.var.caller.tenant, c.req.valid("param").sku).adjustments(MAX_ADJUSTMENTS);
    return c.json({ adjustments: entries.map((entry) => ({ ...entry, at: new Date(entry.at).toISOString() })) }, 200);
  },
);

const viewOf = (sku: string, level: StockLevel | null): StockView => ({
  sku,
  tracked: level !== null,
  onHand: level?.onHand ?? 0,
  available: level?.available ?? 0,
  reserved: level?.reserved ?? 0,
});

function refusedAdjustment(refusal: (AdjustAnswer & { outcome: "refused" })["refusal"]) {
  switch (refusal.reason) {
    case "below_reserved": {
      const { wanted, onHand, reserved } = refusal;
      return problem("insufficient-stock", `of ${onHand} on hand, ${reserved} are reserved for orders`, { wanted, onHand, reserved });
    }
    case "not_stocked":
      return problem("not-stocked", "nothing was ever received of this SKU, so it is made to order");
    case "adjustment_conflict":
      return problem("adjustment-conflict", `this adjustment was of ${refusal.quantity}`, { quantity: refusal.quantity });
  }
}
