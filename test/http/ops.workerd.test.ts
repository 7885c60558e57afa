import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { AttentionList, ProviderList, ProviderView, SweepReport } from "../../src/contract/ops.ts";
import { HOLD_MS } from "../../src/domain/progress.ts";
import { attentionOf } from "../../src/ops/attention.ts";
import { ATTENTION_SQL } from "../../src/projections/history/attention.ts";
import { recordDeadLetter } from "../../src/projections/history/dead-letters.ts";
import { orderIdOf, projectHistory, summary } from "../projections/history/summaries.ts";
import { answerOf, call, callWithoutHistory, expectProblem, grant } from "../support/http.ts";

const TENANT = "ops-http";
const HOUR = 60 * 60_000;
let key = "";

const parkedAs = (n: number, causeClass: "bug" | "poison" | "provider_down", causeFingerprint: string) =>
  summary({ orderId: orderIdOf(n), tenant: TENANT, status: "quarantined", attention: "quarantined", causeClass, causeFingerprint });

beforeAll(async () => {
  key = await grant(TENANT);
  const heldAt = Date.now() - HOLD_MS + HOUR;
  await projectHistory(env, [
    parkedAs(1, "provider_down", "provider_down authorize: 503"),
    parkedAs(2, "provider_down", "provider_down authorize: 503"),
    parkedAs(3, "poison", "poison route: answered 400"),
    summary({ orderId: orderIdOf(4), tenant: TENANT, status: "held", attention: "held", placedAt: heldAt, updatedAt: heldAt }),
    summary({ orderId: orderIdOf(5), tenant: TENANT, status: "confirmed", attention: "stage_overran" }),
    summary({ orderId: orderIdOf(6), tenant: TENANT, status: "confirmed" }),
  ]);
});

const attention = async () => AttentionList.parse(await answerOf(call("/v1/ops/attention", { key })));
const kinds = ({ items }: AttentionList) => items.map(({ kind, severity }) => `${kind} ${severity}`);

describe("GET /v1/ops/attention", () => {
  it("is empty when nothing needs a person", async () => {
    const calm = await grant("ops-calm");
    expect(await answerOf(call("/v1/ops/attention", { key: calm }))).toMatchObject({ items: [], incomplete: false, unanswered: [] });
  });

  it("lists what needs a person, worst first, with what can be done", async () => {
    const list = await attention();
    expect(kinds(list)).toEqual(["quarantined critical", "quarantined high", "held high", "stage_overran normal"]);
    expect(list.items[0]).toMatchObject({
      count: 1,
      orderIds: [orderIdOf(3)],
      what: "1 order is parked in route because the provider can never accept what it is asked: poison route: answered 400.",
    });
    expect(list.items[0]?.do.map(({ path }) => path)).toEqual([
      `/v1/orders/${orderIdOf(3)}/diagnosis`,
      `/v1/orders/${orderIdOf(3)}/correct`,
      "/v1/quarantine/preview",
      "/v1/quarantine/redrive",
    ]);
    expect(list.items[1]).toMatchObject({
      count: 2,
      do: expect.arrayContaining([expect.objectContaining({ body: { filter: { causeFingerprint: "provider_down authorize: 503" } } })]),
    });
    expect(list.items[2]).toMatchObject({ count: 1, orderIds: [orderIdOf(4)] });
  });

  it("names the requests so that they can be sent as they are", async () => {
    const { items } = await attention();
    const preview = items[0]?.do.find(({ path }) => path.endsWith("/preview"));
    expect(await answerOf(call(preview?.path ?? "", { key, body: preview?.body }))).toMatchObject({ total: 1 });
  });

  it("tells the platform, and no tenant, of messages that nobody could read, and never of their contents", async () => {
    await recordDeadLetter(env.HISTORY, {
      id: "m1",
      queue: "orders-standard",
      cause: "x",
      body: "ada@example.com",
      receivedAt: Date.now(),
    });
    await recordDeadLetter(env.HISTORY, {
      id: "m2",
      queue: "orders-standard",
      cause: "x",
      body: "old",
      receivedAt: Date.now() - 30 * 24 * HOUR,
    });
    const platform = await grant(TENANT, ["ops", "platform"]);
    const list = AttentionList.parse(await answerOf(call("/v1/ops/attention", { key: platform })));
    expect(list.items.find(({ kind }) => kind === "dead_letters")).toMatchObject({ count: 1, severity: "high" });
    expect(JSON.stringify(list)).not.toContain("ada@");
    expect(kinds(await attention())).not.toContain("dead_letters high");
  });

  it("answers with what it has when the history is down, and says what is missing", async () => {
    await env.BREAKERS.getByName(`${TENANT}/fulfilment`).pause("ada", "moving house");
    const list = AttentionList.parse(await answerOf(callWithoutHistory("/v1/ops/attention", { key })));
    expect(list).toMatchObject({ incomplete: true, unanswered: ["history"], items: [{ kind: "provider", count: 0 }] });
    expect(list.items[0]?.what).toBe("The fulfilment provider is paused by ada: moving house. 0 orders wait for it.");
    await env.BREAKERS.getByName(`${TENANT}/fulfilment`).resume("ada");
  });

  it("does not wait for a breaker that does not answer", async () => {
    const deaf = Object.create(env, {
      BREAKERS: {
        value: {
          getByName: (name: string) =>
            name === `${TENANT}/payment` ? { view: () => Promise.reject(new Error("gone")) } : env.BREAKERS.getByName(name),
        },
      },
    });
    expect(await attentionOf(deaf, TENANT, Date.now(), false)).toMatchObject({ incomplete: true, unanswered: ["payment"] });
  });

  it("is for operators", async () => {
    const reader = await grant(TENANT, ["orders:read", "orders:write"]);
    for (const path of ["/v1/ops/attention", "/v1/ops/providers"]) await expectProblem(call(path, { key: reader }), 403, "forbidden");
    for (const path of ["/v1/ops/sweep", "/v1/ops/reconcile", "/v1/ops/providers/payment/pause"]) {
      await expectProblem(call(path, { key: reader, body: {} }), 403, "forbidden");
    }
  });

  it("reads the index of orders that need a person", async () => {
    for (const sql of [ATTENTION_SQL.oldest, ATTENTION_SQL.count]) {
      const { results } = await env.HISTORY.prepare(`EXPLAIN QUERY PLAN ${sql}`).bind(TENANT, "held").all<{ detail: string }>();
      const plan = results.map(({ detail }) => detail).join("; ");
      expect(plan).toContain("INDEX orders_for_attention (tenant=? AND attention=? AND cause_fingerprint=?)");
      expect(plan).not.toMatch(/SCAN orders|TEMP B-TREE/);
    }
  });
});

describe("The gates of the providers", () => {
  it("are shown, closed by a person with a reason, and opened again", async () => {
    const list = ProviderList.parse(await answerOf(call("/v1/ops/providers", { key })));
    expect(list.providers.map(({ provider, state }) => [provider, state])).toEqual([
      ["payment", "closed"],
      ["inventory", "closed"],
      ["fulfilment", "closed"],
      ["notification", "closed"],
    ]);
    const paused = ProviderView.parse(await answerOf(call("/v1/ops/providers/payment/pause", { key, body: { reason: "audit" } })));
    expect(paused).toMatchObject({ provider: "payment", state: "paused", by: "ada", reason: "audit", nextProbeAt: null, waiting: 0 });
    expect(kinds(await attention())).toContain("provider high");
    const resumed = await answerOf(call("/v1/ops/providers/payment/resume", { key, body: { reason: "done" } }));
    expect(ProviderView.parse(resumed)).toMatchObject({ state: "closed", by: "ada", reason: "done" });
    expect(kinds(await attention())).not.toContain("provider high");
  });

  it("are each tenant's own: what one does and says is neither felt nor seen by another", async () => {
    const other = await grant("ops-neighbour");
    await call("/v1/ops/providers/payment/pause", { key, body: { reason: "Ada rang up" } });
    const seen = [
      await answerOf(call("/v1/ops/providers", { key: other })),
      await answerOf(call("/v1/ops/attention", { key: other })),
      await answerOf(call("/v1/ops/providers/payment/resume", { key: other, body: {} })),
    ];
    expect(JSON.stringify(seen)).not.toMatch(/paused"|Ada rang up/);
    const { providers } = ProviderList.parse(await answerOf(call("/v1/ops/providers", { key })));
    expect(providers[0]).toMatchObject({ provider: "payment", state: "paused", reason: "Ada rang up" });
    await call("/v1/ops/providers/payment/resume", { key, body: {} });
  });

  it("of a shared account are the platform's, and show its tenants no words, names or numbers of each other", async () => {
    const profile = { providers: { payment: { adapter: "embedded", breaker: { sharedAs: "acme-pay" } } } };
    for (const tenant of ["ops-sharing", "ops-shared"]) await env.PROFILES.put(tenant, JSON.stringify({ version: 1, profile }));
    const [operator, platform] = [await grant("ops-sharing"), await grant("ops-shared", ["ops", "platform"])];
    const pause = (key: string) => call("/v1/ops/providers/payment/pause", { key, body: { reason: "Ada rang up" } });
    await expectProblem(pause(operator), 403, "forbidden");
    expect(await answerOf(pause(platform))).toMatchObject({ shared: true, state: "paused", by: "ada", reason: "Ada rang up" });
    const { providers } = ProviderList.parse(await answerOf(call("/v1/ops/providers", { key: operator })));
    expect(providers[0]).toMatchObject({ provider: "payment", shared: true, state: "paused", by: null, reason: null, waiting: null });
    const { items } = AttentionList.parse(await answerOf(call("/v1/ops/attention", { key: operator })));
    expect(items).toMatchObject([
      { kind: "provider", what: "The payment provider is paused. Other tenants call the same account.", do: [] },
    ]);
    await expectProblem(call("/v1/ops/providers/payment/resume", { key: operator, body: {} }), 403, "forbidden");
    await call("/v1/ops/providers/payment/resume", { key: platform, body: {} });
  });

  it("need a reason, and a provider that exists", async () => {
    await expectProblem(call("/v1/ops/providers/payment/pause", { key, body: {} }), 422, "invalid-request");
    await expectProblem(call("/v1/ops/providers/risk/pause", { key, body: { reason: "x" } }), 404, "not-found");
    await expectProblem(call("/v1/ops/providers/payment/resume", { key, body: { because: "x" } }), 422, "invalid-request");
  });
});

describe("POST /v1/ops/sweep", () => {
  it("sweeps the caller's own orders and answers what it found", async () => {
    const report = SweepReport.parse(await answerOf(call("/v1/ops/sweep", { key, body: {} })));
    // The orders of this test are in the history only, and one of them stopped moving: nobody knows it.
    expect(report).toMatchObject({ alarmLost: 0, historyBehind: 0 });
    await expectProblem(call("/v1/ops/sweep", { key, body: { all: true } }), 422, "invalid-request");
    await expectProblem(callWithoutHistory("/v1/ops/sweep", { key, body: {} }), 503, "unavailable");
  });
});

describe("The contract", () => {
  it("names every route of an operator", async () => {
    const { paths } = await answerOf<{ paths: object }>(call("/openapi.json"));
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining([
        "/v1/ops/attention",
        "/v1/ops/providers",
        "/v1/ops/providers/{provider}/pause",
        "/v1/ops/providers/{provider}/resume",
        "/v1/ops/sweep",
        "/v1/ops/reconcile",
        "/v1/quarantine",
        "/v1/quarantine/preview",
        "/v1/quarantine/redrive",
        "/v1/quarantine/redrives/{id}",
        "/v1/quarantine/redrives/{id}/stop",
      ]),
    );
  });
});
