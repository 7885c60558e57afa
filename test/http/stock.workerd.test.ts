import { beforeAll, describe, expect, it } from "vitest";
import { StockAdjustments, StockView } from "../../src/contract/stock.ts";
import { answerOf, call, expectProblem, grant } from "../support/http.ts";

describe("Stock over HTTP", () => {
  let key: string;
  beforeAll(async () => {
    key = await grant("stocks");
  });

  const named = (name: string, body: unknown) => ({ key, body, headers: { "idempotency-key": name } });
  const receive = (sku: string, quantity: number, name = "delivery") => call(`/v1/stock/${sku}/receipts`, named(name, { quantity }));
  const adjust = (sku: string, body: object, name = "count") => call(`/v1/stock/${sku}/adjustments`, named(name, body));

  it("has a problem of its own for a receipt that was another one", async () => {
    await receive("receipts", 5);
    expect(await expectProblem(receive("receipts", 6), 409, "receipt-conflict")).toMatchObject({ quantity: 5 });
    expect(await answerOf(receive("receipts", 5))).toMatchObject({ onHand: 5 });
  });

  it("is corrected downwards and upwards, and tells by whom, when and why", async () => {
    await receive("counted", 5);
    expect(StockView.parse(await answerOf(adjust("counted", { quantity: -2, reason: "broken" })))).toMatchObject({
      onHand: 3,
      available: 3,
    });
    expect(await answerOf(adjust("counted", { quantity: -2, reason: "broken" }))).toMatchObject({ onHand: 3 });
    await adjust("counted", { quantity: 1, reason: "found" }, "recount");
    const { adjustments } = StockAdjustments.parse(await answerOf(call("/v1/stock/counted/adjustments", { key })));
    expect(adjustments).toMatchObject([
      { adjustmentId: "recount", quantity: 1, reason: "found", by: "ada" },
      { adjustmentId: "count", quantity: -2, reason: "broken", by: "ada" },
    ]);
  });

  it("refuses a correction that cannot be, with the evidence", async () => {
    await receive("refused", 5);
    const missing = await expectProblem(adjust("refused", { quantity: -6, reason: "stolen" }), 409, "insufficient-stock");
    expect(missing).toMatchObject({ wanted: -6, onHand: 5, reserved: 0 });
    await expectProblem(adjust("never-received", { quantity: 1, reason: "found" }), 409, "not-stocked");
    await adjust("refused", { quantity: -1, reason: "broken" });
    await expectProblem(adjust("refused", { quantity: -1, reason: "stolen" }), 409, "adjustment-conflict");
  });

  it.each([{ quantity: 0, reason: "x" }, { quantity: -1 }, { quantity: -1, reason: "" }, { quantity: 0.5, reason: "x" }])(
    "refuses the correction %j",
    async (body) => {
      await expectProblem(adjust("misfits", body), 422, "invalid-request");
    },
  );

  it("is corrected by operators only", async () => {
    const writer = await grant("stocks", ["orders:read", "orders:write"]);
    const body = { quantity: -1, reason: "x" };
    await expectProblem(call("/v1/stock/counted/adjustments", { ...named("x", body), key: writer }), 403, "forbidden");
    expect((await call("/v1/stock/counted/adjustments", { key: writer })).status).toBe(200);
  });
});
