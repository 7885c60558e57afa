/** Histories that no single order of events explains, each of a kind that a broken system would record, and those that only look like it. */
import { describe, expect, it } from "vitest";
import type { OrderStatus, Priority } from "../../src/contract/order.ts";
import { judgeHistories } from "./histories.ts";
import { contradictionIn, type SequentialModel } from "./linearizable.ts";
import type { Answer, Asked, CommandName, Operation } from "./order-model.ts";

/** Null for `until`: nobody answered. */
type Span = readonly [from: number, until: number | null];

const operation = ([invokedAt, answeredAt]: Span, asked: Asked, answer: Answer | null): Operation => ({
  asked,
  invokedAt,
  answeredAt,
  answer: answeredAt === null ? null : answer,
});

const RECEIPT = { kind: "receipt", id: "ord_1", placedAt: "2026-11-21T00:00:00.000Z", total: 500, replayed: false } as const;

const place = (span: Span, answer: Answer = RECEIPT, body = "a", priority: Priority = "standard") =>
  operation(span, { kind: "place", body, priority }, answer);
const replayed: Answer = { ...RECEIPT, replayed: true };

const order = (version: number, status: OrderStatus, priority: Priority = "standard", content = `${version}`): Answer => ({
  kind: "order",
  version,
  etag: `"${version}"`,
  status,
  priority,
  content,
});
const view = (span: Span, answer: Answer) => operation(span, { kind: "view" }, answer);
const command = (kind: CommandName, span: Span, answer: Answer | null = null) => operation(span, { kind }, answer);
const refusedAs = (status: OrderStatus): Answer => ({ kind: "refused", status });

const judged = (...operations: readonly Operation[]) => judgeHistories([{ order: "ord_1", operations }]).violations;

describe("A history is explained", () => {
  it("when an order is accepted, read on its way and repeated", () => {
    const history = [
      place([0, 10]),
      view([11, 12], order(1, "accepted")),
      view([13, 14], order(4, "processing")),
      place([15, 16], replayed),
      view([17, 18], order(9, "confirmed")),
    ];
    expect(judged(...history)).toEqual([]);
    expect(judgeHistories([{ order: "ord_1", operations: history }])).toMatchObject({ operations: 5, answered: 5, orders: 1 });
  });

  it("when reads that overlap are answered in another order than they were asked", () => {
    expect(judged(place([0, 10]), view([11, 30], order(3, "processing")), view([12, 20], order(5, "confirmed")))).toEqual([]);
  });

  it("when a submission that nobody answered was accepted, and when it never was", () => {
    expect(judged(place([0, null]), place([20, 30], replayed))).toEqual([]);
    expect(judged(place([0, null]), place([20, 30]), view([31, 32], order(1, "accepted")))).toEqual([]);
  });

  it("when a cancellation that nobody answered takes effect long after, before or never", () => {
    const begun = [place([0, 10]), command("cancel", [11, null])];
    expect(judged(...begun, view([12, 13], order(3, "processing")), view([14, 15], order(4, "cancelling")))).toEqual([]);
    expect(judged(...begun, view([12, 13], order(2, "cancelling")))).toEqual([]);
    expect(judged(...begun, view([12, 13], order(8, "confirmed")))).toEqual([]);
  });

  it("when dozens of requests of one kind were answered by nobody", () => {
    const lost = Array.from({ length: 40 }, (_, index) => [place([index, null]), command("cancel", [index, null])]).flat();
    expect(judged(...lost, place([50, 60], replayed), view([61, 62], order(3, "cancelled")))).toEqual([]);
  });

  it("when commands that were obeyed before are repeated", () => {
    const commands = [command("cancel", [11, 12], order(3, "cancelling")), command("cancel", [20, 21], order(6, "cancelled"))];
    expect(judged(place([0, 10]), ...commands)).toEqual([]);
    const hurried = order(2, "accepted", "expedited");
    expect(judged(place([0, 10]), command("expedite", [11, 12], hurried), command("expedite", [13, 14], hurried))).toEqual([]);
  });

  it("when an order is held, decided on and carried on or undone", () => {
    const held = [place([0, 10]), view([11, 12], order(3, "held"))];
    expect(judged(...held, command("approve", [13, 14], order(4, "processing")), view([15, 16], order(8, "confirmed")))).toEqual([]);
    expect(judged(...held, command("reject", [13, 14], order(4, "processing")), view([15, 16], order(7, "failed")))).toEqual([]);
    expect(judged(...held, command("expedite", [13, 14], refusedAs("held")))).toEqual([]);
  });

  it("when an effect that came to light late is undone after the end", () => {
    const ended = [place([0, 10]), command("cancel", [11, 12], order(2, "cancelling")), view([13, 14], order(4, "cancelled"))];
    expect(judged(...ended, view([15, 16], order(5, "cancelling")), view([17, 18], order(7, "cancelled")))).toEqual([]);
  });

  it("when an order is asked for before it is there, and its key used again with another body", () => {
    expect(judged(view([0, 1], { kind: "missing" }), place([2, 3]), place([4, 5], { kind: "conflict" }, "b"))).toEqual([]);
  });
});

describe("A contradiction is found", () => {
  it.each<[string, readonly Operation[]]>([
    ["a stale read after a restart", [view([11, 12], order(5, "processing")), view([13, 14], order(4, "processing"))]],
    ["an order that is gone after it was accepted", [view([11, 12], { kind: "missing" })]],
    ["a second acceptance", [place([11, 12])]],
    ["another body that was taken for the same order", [place([11, 12], replayed, "b")]],
    ["a conflict with what was ordered", [place([11, 12], { kind: "conflict" })]],
    ["a cancellation forgotten", [command("cancel", [11, 12], order(2, "cancelling")), view([13, 14], order(8, "confirmed"))]],
    ["a cancellation that is answered and not carried out", [command("cancel", [11, 12], order(3, "processing"))]],
    ["a cancellation that nobody asked for", [view([11, 12], order(2, "cancelling"))]],
    [
      "a promotion lost",
      [command("expedite", [11, 12], order(2, "accepted", "expedited")), view([13, 14], order(3, "processing", "standard"))],
    ],
    ["a refusal of what is allowed", [command("cancel", [11, 12], refusedAs("accepted"))]],
    [
      "a refusal as though it were undone, of an order that is kept",
      [command("cancel", [11, 12], refusedAs("processing")), view([13, 14], order(9, "confirmed"))],
    ],
    [
      "a refusal for a status that the order has left",
      [view([11, 12], order(3, "confirmed")), command("expedite", [13, 14], refusedAs("processing"))],
    ],
    ["a command obeyed too late", [view([11, 12], order(6, "failed")), command("cancel", [13, 14], order(7, "cancelling"))]],
    ["an approval of what was never held", [command("approve", [11, 12], order(2, "processing"))]],
    ["more steps than versions", [view([11, 12], order(1, "accepted")), view([13, 14], order(2, "confirmed"))]],
    ["an order that leaves its end", [view([11, 12], order(6, "confirmed")), view([13, 14], order(7, "processing"))]],
    ["a held order that goes on without a verdict", [view([11, 12], order(3, "held")), view([13, 14], order(9, "confirmed"))]],
    [
      "a rejected order that is confirmed",
      [view([11, 12], order(3, "held")), command("reject", [13, 14], order(4, "processing")), view([15, 16], order(9, "confirmed"))],
    ],
    ["an answer that no request of the kind has", [view([11, 12], { kind: "other", status: 401 })]],
    ["a version below the first", [view([11, 12], order(0, "accepted"))]],
  ])("%s", (_, operations) => {
    expect(judged(place([0, 10]), ...operations)).toHaveLength(1);
  });

  it("when one version is two things, whatever the order of the answers", () => {
    const twice = (one: Answer, other: Answer) => judged(place([0, 10]), view([11, 50], one), view([11, 50], other));
    expect(twice(order(5, "processing"), order(5, "confirmed"))).toHaveLength(1);
    expect(twice(order(5, "processing"), order(5, "processing", "expedited"))).toHaveLength(1);
    expect(twice(order(5, "processing", "standard", "x"), order(5, "processing", "standard", "y"))).toEqual([
      "ord_1: version 5 is processing/standard (x) and processing/standard (y)",
    ]);
    expect(twice(order(5, "processing"), order(5, "processing"))).toEqual([]);
  });

  it("when a repeat is answered with another receipt", () => {
    for (const other of [{ id: "ord_2" }, { placedAt: "2026-11-21T00:00:01.000Z" }, { total: 501 }]) {
      expect(judged(place([0, 10]), place([11, 12], { ...replayed, ...other }))).toHaveLength(1);
    }
  });

  it("when two halves of a split accept the order at the same time", () => {
    expect(judged(place([0, 10]), place([0, 10]))).toHaveLength(1);
    expect(judged(place([0, 10]), place([0, 10], replayed))).toEqual([]);
  });

  it("when the ETag is not that of the version", () => {
    expect(judged(place([0, 10]), view([11, 12], { ...order(5, "processing"), etag: '"4"' } as Answer))).toHaveLength(1);
  });

  it("when two clients see two orders of the same commands", () => {
    // The read shows that the promotion came before the cancellation; the refusal that it came after.
    const history = [
      place([0, 10]),
      command("cancel", [11, 40], order(3, "cancelling", "expedited")),
      command("expedite", [11, 40], refusedAs("cancelling")),
    ];
    expect(judged(...history)).toHaveLength(1);
  });

  it("and is told with what was seen before it", () => {
    expect(judged(place([0, 10]), view([11, 12], order(5, "processing")), view([13, 14], order(4, "processing")))).toEqual([
      "ord_1: [0.013 s to 0.014 s view: version 4, processing, standard] cannot follow [0.000 s to 0.010 s place a: accepted], [0.011 s to 0.012 s view: version 5, processing, standard]",
    ]);
  });
});

/** A register, the usual object of such a search: it shows the search apart from what is ordered here. */
interface RegisterOperation {
  readonly invokedAt: number;
  readonly answeredAt: number | null;
  readonly write?: number;
  readonly read?: number;
}

const REGISTER: SequentialModel<number, RegisterOperation> = {
  initial: 0,
  keyOf: String,
  asked: ({ write }) => `${write}`,
  answered: (value, { write, read }) => write ?? (read === value ? value : null),
  unanswered: (_, { write }) => write ?? null,
};

const writes = ([invokedAt, answeredAt]: Span, write: number): RegisterOperation => ({ invokedAt, answeredAt, write });
const reads = ([invokedAt, answeredAt]: Span, read: number): RegisterOperation => ({ invokedAt, answeredAt, read });

describe("The search", () => {
  it("takes operations that overlap in whatever order explains them", () => {
    expect(contradictionIn([writes([0, 10], 1), reads([1, 3], 0), reads([4, 6], 1)], REGISTER)).toBeNull();
    expect(contradictionIn([writes([0, 10], 1), writes([0, 10], 2), reads([11, 12], 1), reads([13, 14], 1)], REGISTER)).toBeNull();
  });

  it("finds a read that goes back", () => {
    expect(contradictionIn([writes([0, 10], 1), reads([1, 3], 1), reads([4, 6], 0)], REGISTER)).toMatchObject({ undecided: false });
    expect(contradictionIn([writes([0, 10], 1), writes([0, 10], 2), reads([11, 12], 1), reads([13, 14], 2)], REGISTER)).not.toBeNull();
  });

  it("lets a write that nobody answered take effect between any two reads, but not before it was asked", () => {
    const lost = writes([5, null], 1);
    expect(contradictionIn([lost, reads([6, 7], 0), reads([8, 9], 1)], REGISTER)).toBeNull();
    expect(contradictionIn([lost, reads([6, 7], 0)], REGISTER)).toBeNull();
    expect(contradictionIn([lost, reads([1, 2], 1)], REGISTER)).not.toBeNull();
    expect(contradictionIn([lost, reads([6, 7], 1), reads([8, 9], 0)], REGISTER)).not.toBeNull();
  });

  it("gives up on a history that overlaps without end, and says so", () => {
    const crowd = Array.from({ length: 24 }, (_, index) => writes([0, 100], index + 1));
    expect(contradictionIn([...crowd, reads([101, 102], 99)], REGISTER)).toMatchObject({ undecided: true });
  });
});
