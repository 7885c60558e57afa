import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { DeadLetter, Hint, OrderChanged, OrdersChanged } from "../../src/contract/messages.ts";
import { Cause, type OrderSummary } from "../../src/contract/order.ts";
import { orderIdOf } from "../../src/http/identity.ts";
import { MAX_BODY_EXCERPT } from "../../src/projections/history/dead-letters.ts";
import { consumeDeadLetters } from "../../src/queues/dead-letter-consumer.ts";
import { consumeLane } from "../../src/queues/lane-consumer.ts";
import { consumeOrderEvents } from "../../src/queues/order-events-consumer.ts";
import { summary } from "../projections/history/summaries.ts";
import { deliver } from "../support/deliver.ts";
import { placedOrder } from "../support/orders.ts";
import { bounds, DRAIN, expectHonest, get, grant, TEST_TIMEOUT_MS, watchLog } from "./app.ts";
import { strangeMessage, strangeText } from "./arbitraries.ts";
import { type Schema, validValue } from "./contract.ts";
import { nearlyValid } from "./edits.ts";

const TENANT = "fuzz-queues";
const key = await grant(TENANT);
const withoutBug = watchLog();

/** No order was ever placed under this id. */
const NOBODY = "ord_nb0dy000000000000000000000";

/** Every queue with its consumer, what its messages must be, and one that is. */
const QUEUES = [
  { queue: "orders-expedited", consume: consumeLane, schema: Hint, example: { orderId: NOBODY, priority: "expedited", trace: "t" } },
  { queue: "orders-standard", consume: consumeLane, schema: Hint, example: { orderId: NOBODY, priority: "standard" } },
  {
    queue: "orders-dead-letter",
    consume: consumeDeadLetters,
    schema: DeadLetter,
    example: { orderId: NOBODY, cause: { class: "poison", step: "authorize", detail: "400" } },
  },
  {
    queue: "order-events",
    consume: consumeOrderEvents,
    schema: z.union([OrdersChanged, OrderChanged]),
    example: { changes: [{ order: summary({ tenant: "fuzz-events" }), commits: [] }] },
  },
] as const;

const clear = () => env.HISTORY.exec("DELETE FROM dead_letters");
const letters = async () => (await env.HISTORY.prepare("SELECT * FROM dead_letters ORDER BY id").all<Letter>()).results;
type Letter = { id: string; queue: string; cause: string; body: string; received_at: number };

/** An order that was never placed has an actor without a row and without an alarm. */
async function expectNoOrder(orderId: string): Promise<void> {
  await runInDurableObject(env.ORDERS.getByName(orderId), async (_, { storage }) => {
    const tables = storage.sql.exec("SELECT name FROM sqlite_master").toArray();
    expect([tables, await storage.getAlarm()]).toEqual([[], null]);
  });
}

/** What a queue can carry is what can be cloned; a message nested too deeply for that is tried by itself below. */
function isCarried(message: unknown): boolean {
  try {
    structuredClone(message);
    return true;
  } catch {
    return false;
  }
}

describe.each(QUEUES)("A message on $queue", ({ queue, consume, schema, example }) => {
  const edited = nearlyValid(example).map(({ text }): unknown => JSON.parse(text));
  const messages = fc.array(fc.oneof({ weight: 3, arbitrary: edited }, { weight: 2, arbitrary: strangeMessage }).filter(isCarried), {
    minLength: 1,
    maxLength: 4,
  });

  it(
    "that cannot be read is kept once, however often it comes, and nothing is ever thrown or asked for again",
    { timeout: TEST_TIMEOUT_MS },
    () =>
      fc.assert(
        fc.asyncProperty(
          messages,
          fc.integer({ min: 1, max: 100 }),
          withoutBug(async (bodies, attempts) => {
            await clear();
            const all = bodies.map((_, index) => `m${index}`);
            const poison = all.filter((_, index) => !schema.safeParse(structuredClone(bodies[index])).success);
            const deliveries = bodies.map((body) => ({ body, attempts }));
            expect(await deliver(consume, queue, deliveries)).toEqual({ acked: all, retried: {} });
            const kept = await letters();
            expect(kept.map(({ id }) => id)).toEqual(poison);
            for (const letter of kept) {
              expect(letter.queue).toBe(queue);
              expect(letter.cause).not.toBe("");
              expect(letter.body.length).toBeLessThanOrEqual(MAX_BODY_EXCERPT);
            }
            expect(await deliver(consume, queue, deliveries)).toEqual({ acked: all, retried: {} });
            expect(await letters()).toEqual(kept);
            for (const body of bodies) {
              const named = z.object({ orderId: z.string() }).safeParse(body);
              if (named.success && queue !== "order-events") await expectNoOrder(named.data.orderId);
            }
          }),
        ),
        bounds(60),
      ),
  );
});

/** Whatever the schema of a message lets in, as far to its edges as it goes. */
const fitting = (schema: z.ZodType) => validValue(z.toJSONSchema(schema) as Schema) as fc.Arbitrary<unknown>;

describe("An order event that can be read", () => {
  it("is counted and can be shown, whatever its values are", { timeout: TEST_TIMEOUT_MS }, async () => {
    const strange = fc.record({ stage: fc.option(strangeText), reference: fc.option(strangeText), reason: fc.option(strangeText) });
    const event = fc
      .tuple(fitting(OrderChanged) as fc.Arbitrary<OrderChanged>, strange)
      .map(([{ order }, texts]) => ({ ...order, ...texts }));
    let count = 0;
    await fc.assert(
      fc.asyncProperty(
        event,
        withoutBug(async (order: OrderSummary) => {
          fc.pre(OrderChanged.safeParse({ order, commits: [] }).success);
          // A tenant and an order of its own, so that a bad one does not spoil the runs that look for a smaller one.
          const tenant = `fuzz-event-${++count}`;
          const reader = await grant(tenant);
          const changed = { ...order, tenant, orderId: await orderIdOf(tenant, "event") };
          expect(await deliver(consumeOrderEvents, "order-events", [{ body: { changes: [{ order: changed, commits: [] }] } }])).toEqual({
            acked: ["m0"],
            retried: {},
          });
          expect(await expectHonest(await get("/v1/stats", reader))).toMatchObject({ submitted: 1 });
          expect(await expectHonest(await get("/v1/orders", reader))).toMatchObject({ orders: [{ id: changed.orderId }] });
        }),
      ),
      bounds(60),
    );
  });
});

describe("A dead letter for an order that exists", () => {
  it("parks it, whatever the cause says, and it can be read from everywhere afterwards", { timeout: TEST_TIMEOUT_MS }, async () => {
    let count = 0;
    const ids: string[] = [];
    const cause = fc
      .tuple(fitting(Cause) as fc.Arbitrary<Cause>, strangeText)
      .map(([one, detail]) => ({ ...one, detail: detail.slice(0, 1_000) }));
    await fc.assert(
      fc.asyncProperty(
        cause,
        withoutBug(async (one) => {
          const orderId = await orderIdOf(TENANT, `parked-${++count}`);
          await env.ORDERS.getByName(orderId).place(placedOrder({ orderId, tenant: TENANT }));
          expect(await deliver(consumeDeadLetters, "orders-dead-letter", [{ body: { orderId, cause: one } }])).toEqual({
            acked: ["m0"],
            retried: {},
          });
          expect((await env.ORDERS.getByName(orderId).view(TENANT))?.status).toBe("quarantined");
          for (const path of [`/v1/orders/${orderId}`, `/v1/orders/${orderId}/events`]) {
            const response = await get(path, key);
            expect(response.status).toBe(200);
            await expectHonest(response);
          }
          ids.push(orderId);
        }),
      ),
      bounds(50),
    );
    // Its event goes the long way, over the real queue.
    const parked = async () => {
      const { results } = await env.HISTORY.prepare("SELECT order_id FROM orders WHERE status = 'quarantined'").all<{ order_id: string }>();
      return ids.filter((id) => !results.some(({ order_id }) => order_id === id));
    };
    await expect.poll(parked, DRAIN).toEqual([]);
  });
});
