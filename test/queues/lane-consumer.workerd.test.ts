import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { OrderAddress } from "../../src/actors/addresses.ts";
import { orderIdOf } from "../../src/http/identity.ts";
import { consumeDeadLetters } from "../../src/queues/dead-letter-consumer.ts";
import { consumeLane } from "../../src/queues/lane-consumer.ts";
import { deliver } from "../support/deliver.ts";
import { placedOrder } from "../support/orders.ts";

let count = 0;
async function place(token = "tok_visa"): Promise<string> {
  const orderId = await orderIdOf("shop", `lane-consumer-${++count}`);
  await env.ORDERS.getByName(orderId).place(placedOrder({ orderId, payment: { token } }));
  return orderId;
}

/** However slow the machine, the lane waits for its orders here; `patience.test.ts` tells how long it waits otherwise. */
const patient = {
  ...env,
  ORDERS: {
    getByName: (name: string) => ({
      advance: (hint: Parameters<OrderAddress["advance"]>[0]) => env.ORDERS.getByName(name).advance({ ...hint, canLeave: false }),
    }),
  },
} as unknown as typeof env;

const toLane = (bodies: readonly unknown[], bindings = patient, attempts = 1) =>
  deliver(
    consumeLane,
    "orders-standard",
    bodies.map((body) => ({ body, attempts })),
    bindings,
  );
const toDeadLetters = (body: unknown) => deliver(consumeDeadLetters, "orders-dead-letter", [{ body }]);

const hint = (orderId: string) => ({ orderId, priority: "standard" });
const statusOf = async (orderId: string) => (await env.ORDERS.getByName(orderId).view("shop"))?.status;

describe("The consumer of a lane", () => {
  it("acknowledges what it carried to its end, asks again for what must wait, and lets neither disturb the other", async () => {
    const [good, flaky] = [await place(), await place("tok_flaky")];
    const { acked, retried } = await toLane([hint(good), hint(flaky)]);
    expect(acked).toEqual(["m0"]);
    expect(Object.keys(retried)).toEqual(["m1"]);
    expect([await statusOf(good), await statusOf(flaky)]).toEqual(["confirmed", "processing"]);
  });

  it("acknowledges a hint for an order that does not exist, and leaves no trace of it", async () => {
    const orderId = await orderIdOf("shop", "never placed");
    expect(await toLane([hint(orderId)])).toMatchObject({ acked: ["m0"], retried: {} });
    await runInDurableObject(env.ORDERS.getByName(orderId), async (_, { storage }) => expect(await storage.getAlarm()).toBeNull());
  });

  it("delivers a hint twice without a second effect", async () => {
    const orderId = await place();
    expect(await toLane([hint(orderId), hint(orderId)])).toMatchObject({ acked: ["m0", "m1"] });
    const before = await env.ORDERS.getByName(orderId).events("shop");
    expect(await toLane([hint(orderId)], patient, 2)).toMatchObject({ acked: ["m0"] });
    expect(await env.ORDERS.getByName(orderId).events("shop")).toEqual(before);
  });

  it.each([[null], ["text"], [{}], [{ orderId: "ord_x", priority: "standard" }], [{ orderId: 7 }]])(
    "keeps the poisonous message %j for a person and takes it off the queue",
    async (body) => {
      const { acked, retried } = await toLane([body]);
      expect([acked, retried]).toEqual([["m0"], {}]);
      const { results } = await env.HISTORY.prepare("SELECT queue FROM dead_letters WHERE id = 'm0'").all();
      expect(results).toEqual([{ queue: "orders-standard" }]);
    },
  );

  it("asks again, later and later, for an order that cannot be reached, and never throws", async () => {
    const orderId = await place();
    const unreachable = Object.create(env, {
      ORDERS: { value: { getByName: () => ({ advance: () => Promise.reject(new Error("overloaded")) }) } },
    });
    const delays = [];
    for (const attempts of [1, 2, 3, 20]) {
      const { acked, retried } = await toLane([hint(orderId)], unreachable, attempts);
      expect(acked).toEqual([]);
      delays.push(retried.m0);
    }
    expect(delays).toEqual([2, 4, 8, 300]);
  });
});

describe("The consumer of dead letters", () => {
  it("parks the order with the cause of the letter", async () => {
    const orderId = await place("tok_poison");
    await toLane([hint(orderId)]);
    const cause = { class: "poison", step: "authorize", detail: "400" };
    expect(await toDeadLetters({ orderId, cause })).toMatchObject({ acked: ["m0"] });
    expect(await env.ORDERS.getByName(orderId).view("shop")).toMatchObject({ status: "quarantined", cause });
  });

  it("parks the order of a hint that the platform gave up, and says so", async () => {
    const orderId = await place();
    expect(await toDeadLetters(hint(orderId))).toMatchObject({ acked: ["m0"] });
    expect(await env.ORDERS.getByName(orderId).view("shop")).toMatchObject({ status: "quarantined", cause: { class: "bug" } });
  });

  it("leaves alone an order that has been confirmed meanwhile", async () => {
    const orderId = await place();
    await toLane([hint(orderId)]);
    expect(await toDeadLetters(hint(orderId))).toMatchObject({ acked: ["m0"] });
    expect(await statusOf(orderId)).toBe("confirmed");
  });
});
