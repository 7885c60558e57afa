import { describe, expect, it } from "vitest";
import { PRICES } from "../../bench/prices.ts";
import { billOf, dollarsOf, eventOf, sumUnits, totalOf } from "../../bench/units.ts";

const line = (fields: object) => JSON.stringify({ level: "info", event: "units", ...fields });

describe("Summing units", () => {
  it("adds the lines of one source up and keeps the sources apart", () => {
    const sums = sumUnits([
      line({ source: "OrderActor", requests: 1, rowsWritten: 2, alarmsSet: 1 }),
      line({ source: "OrderActor", requests: 1, rowsRead: 3 }),
      line({ source: "D1", rowsWritten: 4 }),
    ]);
    expect(sums.get("OrderActor")).toEqual({
      requests: 2,
      rowsWritten: 2,
      rowsRead: 3,
      alarmsSet: 1,
      queueOperations: 0,
      kvReads: 0,
      flushes: 2,
    });
    expect(sums.get("D1")).toMatchObject({ rowsWritten: 4, flushes: 1 });
    expect(totalOf(sums)).toMatchObject({ rowsWritten: 6, requests: 2 });
  });

  it("ignores whatever else is printed", () => {
    const others = [
      "",
      "[wrangler:info] POST /v1/orders 202 Accepted (12ms)",
      '{"event":"order.placed","orderId":"ord_1"}',
      "{not json",
      "null",
      "{}",
    ];
    expect(sumUnits(others).size).toBe(0);
  });

  it("counts a line that wrangler put something in front of", () => {
    expect(sumUnits([`  (log) ${line({ source: "D1", rowsRead: 1 })}`]).get("D1")).toMatchObject({ rowsRead: 1 });
  });

  it("refuses a line of units that it does not understand, since a count with holes is worse than none", () => {
    expect(() => sumUnits([line({ rowsWritten: 1 })])).toThrow();
    expect(() => sumUnits([line({ source: "D1", rowsWritten: -1 })])).toThrow();
    expect(() => sumUnits([line({ source: "D1", rowsWritten: "1" })])).toThrow();
  });

  it("reads what a log line says of an order", () => {
    expect(eventOf('{"level":"info","event":"order.alarm","orderId":"ord_1","status":"confirmed"}')).toMatchObject({
      event: "order.alarm",
      orderId: "ord_1",
      status: "confirmed",
    });
  });
});

describe("The bill", () => {
  const sums = sumUnits([
    line({ source: "OrderActor", requests: 3, rowsRead: 10, rowsWritten: 5, alarmsSet: 2 }),
    line({ source: "consumer orders-standard", queueOperations: 2 }),
    line({ source: "consumer orders-standard", queueOperations: 2 }),
    line({ source: "order-events", queueOperations: 3 }),
    line({ source: "producer orders-standard", queueOperations: 1 }),
    line({ source: "API keys", kvReads: 1 }),
  ]);
  const bill = billOf(sums, 4);

  it("bills each alarm that is set as a row written", () => {
    expect(bill.rowWritten).toEqual({ units: 7, dollars: 7 * PRICES.rowWritten });
  });

  it("bills a request for each order sent and for each delivery to a consumer, and none for a producer", () => {
    expect(bill.workerRequest.units).toBe(4 + 3);
  });

  it("leaves nothing out of the sum", () => {
    const expected =
      7 * PRICES.rowWritten +
      10 * PRICES.rowRead +
      3 * PRICES.actorRequest +
      8 * PRICES.queueOperation +
      7 * PRICES.workerRequest +
      PRICES.kvRead;
    expect(dollarsOf(bill)).toBeCloseTo(expected, 12);
  });
});
