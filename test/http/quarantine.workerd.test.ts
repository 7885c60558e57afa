import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { z } from "zod";
import { type QuarantineFilter, QuarantineList, RedriveJobView, RedrivePreviewView } from "../../src/contract/quarantine.ts";
import { ATTENTION_SQL, parkedStatement } from "../../src/projections/history/attention.ts";
import { answerOf, call, callWithoutHistory, expectProblem, grant, historyShowsParked, parkOrder, stateOf } from "../support/http.ts";

const TENANT = "quarantine-http";
const POISON = { class: "poison", step: "route", detail: "answered 400" } as const;
const OUTAGE_PRINT = "provider_down authorize: no answer within * ms";
const POISON_PRINT = "poison route: answered 400";

let key = "";
let down: string[] = [];
let poisoned: string[] = [];

beforeAll(async () => {
  key = await grant(TENANT);
  down = await Promise.all(Array.from({ length: 4 }, () => parkOrder(TENANT)));
  poisoned = await Promise.all([parkOrder(TENANT, POISON, { priority: "expedited" }), parkOrder(TENANT, POISON)]);
  await parkOrder("quarantine-other");
  await historyShowsParked(TENANT, 6);
});

const preview = async (filter: unknown) =>
  RedrivePreviewView.parse(await answerOf(call("/v1/quarantine/preview", { key, body: { filter } })));
const redrive = (body: unknown, idempotencyKey: string) =>
  call("/v1/quarantine/redrive", { key, body, headers: { "idempotency-key": idempotencyKey } });

describe("GET /v1/quarantine", () => {
  it("groups the tenant's parked orders by cause, the most frequent first", async () => {
    const list: z.infer<typeof QuarantineList> = QuarantineList.parse(await answerOf(call("/v1/quarantine", { key })));
    expect(list).toMatchObject({
      groups: [
        { causeFingerprint: OUTAGE_PRINT, causeClass: "provider_down", step: "authorize", orders: 4 },
        { causeFingerprint: POISON_PRINT, causeClass: "poison", step: "route", orders: 2 },
      ],
      groupsOmitted: 0,
      total: 6,
    });
    expect(list.groups[0]?.sampleIds).toHaveLength(3);
    expect(list.groups[1]?.sampleIds.toSorted()).toEqual(poisoned.toSorted());
  });

  it("is empty where nothing is parked", async () => {
    const empty = await grant("quarantine-empty");
    expect(await answerOf(call("/v1/quarantine", { key: empty }))).toEqual({ groups: [], groupsOmitted: 0, total: 0 });
  });

  it("may be read by whoever reads orders; previews and redrives are for operators", async () => {
    const reader = await grant(TENANT, ["orders:read"]);
    await answerOf(call("/v1/quarantine", { key: reader }));
    await expectProblem(call("/v1/quarantine/preview", { key: reader, body: { filter: { causeClass: "bug" } } }), 403, "forbidden");
  });
});

describe("POST /v1/quarantine/preview", () => {
  it("says per order what is done and what will run, expedited orders first, and changes nothing", async () => {
    const before = await stateOf(TENANT, poisoned[0] ?? "");
    const { total, truncated, orders } = await preview({ causeFingerprint: POISON_PRINT });
    expect([total, truncated]).toEqual([2, false]);
    expect(orders.map(({ id }) => id)).toEqual(poisoned);
    expect(orders[0]).toEqual({
      id: poisoned[0],
      priority: "expedited",
      causeFingerprint: POISON_PRINT,
      done: [],
      willRun: ["screen", "authorize", "reserve", "route", "capture", "commit", "confirm"],
      undoing: false,
    });
    expect((await stateOf(TENANT, poisoned[0] ?? "")).version).toBe(before.version);
  });

  it("takes the orders to which all of the filter applies", async () => {
    expect((await preview({ causeClass: "provider_down" })).total).toBe(4);
    expect((await preview({ causeClass: "poison", causeFingerprint: OUTAGE_PRINT })).total).toBe(0);
    expect((await preview({ orderIds: [...down.slice(0, 2), ...poisoned] })).total).toBe(4);
    expect((await preview({ orderIds: down, causeClass: "poison" })).total).toBe(0);
    expect((await preview({ orderIds: ["ord_00000000000000000000000000"] })).total).toBe(0);
  });

  it.each<[string, unknown]>([
    ["an empty filter", { filter: {} }],
    ["an unknown field", { filter: { causeFingerprint: "x", status: "held" } }],
    ["no filter", {}],
    ["an id that is none", { filter: { orderIds: ["x"] } }],
    ["too many ids", { filter: { orderIds: Array(1_001).fill("ord_00000000000000000000000000") } }],
  ])("refuses %s", async (_, body) => {
    await expectProblem(call("/v1/quarantine/preview", { key, body }), 422, "invalid-request");
  });
});

describe("POST /v1/quarantine/redrive", { timeout: 30_000 }, () => {
  const wanted = { filter: { causeFingerprint: OUTAGE_PRINT }, ratePerSecond: 50, reason: "over" };

  it("starts a job, meets it again under the same key, and shows how it goes to its end", async () => {
    const job = RedriveJobView.parse(await answerOf(redrive(wanted, "incident-1"), 202));
    expect(job).toMatchObject({ total: 4, truncated: false, startedBy: "ada", reason: "over", canaryShare: 0.05, stopAtFailureShare: 0.2 });
    expect(await answerOf(redrive(wanted, "incident-1"), 202)).toMatchObject({ id: job.id, total: 4 });
    await expectProblem(redrive({ ...wanted, ratePerSecond: 1 }, "incident-1"), 422, "idempotency-key-reused");
    const read = async () => RedriveJobView.parse(await answerOf(call(job.links.self, { key })));
    await expect.poll(async () => (await read()).state, { timeout: 20_000, interval: 200 }).toBe("finished");
    expect(await read()).toMatchObject({ succeeded: 4, failed: 0, pending: 0, underWay: 0 });
    for (const id of down) expect((await stateOf(TENANT, id)).status).toBe("confirmed");
    await historyShowsParked(TENANT, 2);
    expect(await answerOf(call(job.links.stop, { key, body: {} }))).toMatchObject({ state: "finished" });
  });

  it("is finished at once when nothing fits the filter", async () => {
    const nothing = { filter: { causeClass: "bug" }, ratePerSecond: 1 };
    expect(await answerOf(redrive(nothing, "incident-2"), 202)).toMatchObject({ state: "finished", total: 0 });
  });

  it("keeps tenants apart", async () => {
    const other = await grant("quarantine-stranger");
    const job = RedriveJobView.parse(await answerOf(redrive({ filter: { causeClass: "refused" }, ratePerSecond: 1 }, "incident-3"), 202));
    await expectProblem(call(job.links.self, { key: other }), 404, "not-found");
    await expectProblem(call(job.links.stop, { key: other, body: {} }), 404, "not-found");
  });

  it.each<[string, unknown]>([
    ["no rate", { filter: { causeClass: "bug" } }],
    ["a rate beyond the limit", { filter: { causeClass: "bug" }, ratePerSecond: 101 }],
    ["a share above one", { filter: { causeClass: "bug" }, ratePerSecond: 1, canaryShare: 1.5 }],
    ["an unknown field", { filter: { causeClass: "bug" }, ratePerSecond: 1, force: true }],
  ])("refuses %s", async (_, body) => {
    await expectProblem(redrive(body, "incident-bad"), 422, "invalid-request");
  });

  it("needs an Idempotency-Key, and an id of a job to show one", async () => {
    await expectProblem(call("/v1/quarantine/redrive", { key, body: wanted }), 400, "missing-idempotency-key");
    await expectProblem(call("/v1/quarantine/redrives/x", { key }), 404, "not-found");
    await expectProblem(call("/v1/quarantine/redrives/rdr_00000000000000000000000000", { key }), 404, "not-found");
  });

  it("says so when the history does not answer", async () => {
    const body = { filter: { causeClass: "bug" }, ratePerSecond: 1 };
    await expectProblem(callWithoutHistory("/v1/quarantine", { key }), 503, "unavailable");
    const started = callWithoutHistory("/v1/quarantine/redrive", { key, body, headers: { "idempotency-key": "down" } });
    await expectProblem(started, 503, "unavailable");
  });
});

describe("The history", () => {
  const planOf = async (statement: string, ...bindings: unknown[]) => {
    const { results } = await env.HISTORY.prepare(`EXPLAIN QUERY PLAN ${statement}`)
      .bind(...bindings)
      .all<{ detail: string }>();
    return results.map(({ detail }) => detail).join("; ");
  };

  it("answers about the quarantine from the index of orders that need a person, whoever is not parked", async () => {
    const groups = await planOf(ATTENTION_SQL.groups, TENANT);
    expect(groups).toContain("SEARCH orders USING COVERING INDEX orders_for_attention (tenant=? AND attention=?");
    expect(groups).toContain("SEARCH sample USING COVERING INDEX orders_for_attention (tenant=? AND attention=? AND cause_fingerprint=?)");
    expect(groups).not.toMatch(/SCAN (orders|sample)/);
    const parked = await planOf(ATTENTION_SQL.parked, TENANT, "a", "b", 10);
    expect(parked).toBe(
      "SEARCH orders USING INDEX orders_for_attention (tenant=? AND attention=? AND cause_fingerprint>? AND cause_fingerprint<?)",
    );
    const among = await planOf(ATTENTION_SQL.parkedAmong, TENANT, "a", "b", 10, "[]");
    expect(among).toContain("SEARCH orders USING INDEX orders_for_attention (tenant=? AND attention=? AND cause_fingerprint>?");
    expect(among).not.toContain("SCAN orders");
  });

  it("finds a class by its range of fingerprints, exactly", async () => {
    const ids = async (filter: QuarantineFilter) => (await parkedStatement(env.HISTORY, TENANT, filter, 100).all()).results.length;
    expect(await ids({ causeClass: "poison" })).toBe(2);
    expect(await ids({ causeClass: "bug" })).toBe(0);
    expect(await ids({ causeFingerprint: "poison" })).toBe(0);
  });
});
