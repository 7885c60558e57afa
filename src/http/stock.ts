/** Stock, as warehouses report it. What an order does to it goes through the inventory port, never through here. */

import { z } from "zod";
import { stockActor } from "../actors/addresses.ts";
import { Sku } from "../contract/order.ts";
import { IdempotencyKey } from "../contract/primitives.ts";
import { StockView } from "../contract/views.ts";
import { body, errors, json, route, router } from "./openapi.ts";
import { problem, respond } from "./problem.ts";

const bySku = z.object({ sku: Sku });

/** More than any warehouse holds of one thing, and small enough that sums stay exact. */
const MAX_RECEIPT = 1_000_000_000;

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
    return c.json(
      { sku, tracked: level !== null, onHand: level?.onHand ?? 0, available: level?.available ?? 0, reserved: level?.reserved ?? 0 },
      200,
    );
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
      headers: z.object({ "idempotency-key": IdempotencyKey }),
      body: body(z.strictObject({ quantity: z.int().min(1).max(MAX_RECEIPT) })),
    },
    responses: { 200: json(StockView, "The stock after the receipt."), ...errors(400, 404, 413, 415, 422) },
  }),
  async (c) => {
    const { sku } = c.req.valid("param");
    const receipt = { receiptId: c.req.valid("header")["idempotency-key"], quantity: c.req.valid("json").quantity };
    const answer = await stockActor(c.env, c.var.caller.tenant, sku).receive(receipt);
    if (answer.outcome === "refused")
      return respond(c, problem("invalid-request", `the receipt was refused: ${answer.refusal.reason}`, { refusal: answer.refusal }));
    const { onHand, available, reserved } = answer.level;
    return c.json({ sku, tracked: true, onHand, available, reserved }, 200);
  },
);
