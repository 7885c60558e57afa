import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { breakersFrom } from "../../src/actors/breakers.ts";
import type { PlacedOrder } from "../../src/contract/events.ts";
import { calledBy } from "../../src/domain/breaker.ts";
import { orderIdOf } from "../../src/http/identity.ts";
import { placedOrder } from "../support/orders.ts";

/** The sandbox's payment answers for the one token that it is unavailable, and works for every other. */
const orders = async (tenant: string, token: string, count: number): Promise<PlacedOrder[]> =>
  Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const orderId = await orderIdOf(tenant, `${token}-${n}`);
      return placedOrder({ orderId, tenant, priority: "expedited", payment: { token } });
    }),
  );

/** Places an order and delivers its first hint; answers what became of it. */
async function carry({ orderId, ...order }: PlacedOrder): Promise<string | undefined> {
  await env.ORDERS.getByName(orderId).place({ orderId, ...order });
  return (await env.ORDERS.getByName(orderId).advance({ priority: "expedited", attempt: 1 }))?.status;
}

const stateOf = async (tenant: string) => (await env.BREAKERS.getByName(calledBy({ tenant }, "payment").account).view()).breaker.state;

it("Thirty orders that payment fails for stop their own tenant's payments for a moment and another tenant's not at all", async () => {
  const bad = await orders("attacker", "tok_down", 30);
  await Promise.all(bad.map(carry));
  await expect.poll(() => stateOf("attacker")).toBe("open");

  // One hint, no wait, no retry: each of them goes through as if nobody else were there.
  const bystanders = await orders("bystander", "tok_visa", 5);
  expect(await Promise.all(bystanders.map(carry))).toEqual(Array(5).fill("confirmed"));
  expect(await stateOf("bystander")).toBe("closed");

  // The attacker's own good orders wait, and a probe among them opens the way again.
  const own = await orders("attacker", "tok_visa", 5);
  await breakersFrom(env).admit(
    calledBy({ tenant: "attacker" }, "payment"),
    { orderId: "x", priority: "standard", placedAt: 0, failures: 9 },
    true,
  );
  await Promise.all(own.map(carry));
  const statuses = () => Promise.all(own.map(async ({ orderId, tenant }) => (await env.ORDERS.getByName(orderId).view(tenant))?.status));
  await expect.poll(statuses, { timeout: 60_000, interval: 500 }).toEqual(Array(5).fill("confirmed"));
}, 90_000);
