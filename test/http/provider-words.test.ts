import { describe, expect, it } from "vitest";
import { LANES } from "../../src/contract/lanes.ts";
import type { Step } from "../../src/contract/order.ts";
import { diagnose } from "../../src/domain/diagnosis.ts";
import { isAtRest, summarize } from "../../src/domain/order.ts";
import type { Provider } from "../../src/domain/ports.ts";
import { diagnosisOf, timelineOf, viewOf } from "../../src/http/views.ts";
import { emailProvider } from "../../src/providers/email.ts";
import { httpProvider } from "../../src/providers/http.ts";
import { inventoryProvider } from "../../src/providers/inventory.ts";
import { ORDER_ID, placedOrder } from "../support/orders.ts";
import { World } from "../support/world.ts";

const SECRETS = ["Ada Lovelace", "12 St James's Square", "tok_4242secret"];
const QUOTE = `for Ada Lovelace, 12 St James's Square, paid with tok_4242secret`;

const order = placedOrder({
  customer: { name: "Ada Lovelace", email: "ada@example.com" },
  shipTo: { line1: "12 St James's Square", country: "GB" },
  payment: { token: "tok_4242secret" },
});

const quoting = { reason: QUOTE, detail: QUOTE, reference: QUOTE, tracked: [QUOTE], message: QUOTE, skipped: QUOTE };

const http = (status: number, body: unknown = quoting): Provider =>
  httpProvider({ url: "https://provider.test", fetch: async () => Response.json(body, { status }) });

const thrown = (fields: object = {}) => Object.assign(new Error(QUOTE), fields);
const throws = (error: Error) => async () => {
  throw error;
};

const PROVIDERS: readonly (readonly [name: string, step: Step, provider: Provider])[] = [
  ["a refusal with 402", "authorize", http(402)],
  ["a refusal with 409", "route", http(409)],
  ["a refusal with 422", "capture", http(422)],
  ["a refusal where the saga cannot go back", "confirm", http(422)],
  ["an error of its own", "authorize", http(500)],
  ["what it cannot read", "route", http(400)],
  ["an answer of another shape", "route", http(200)],
  ["a reference that is a text", "route", http(200, { reference: QUOTE })],
  ["a connection that breaks", "route", httpProvider({ url: "https://provider.test", fetch: throws(thrown()) })],
  [
    "an exception with a text as its name and code",
    "confirm",
    emailProvider({ send: throws(thrown({ name: QUOTE, code: QUOTE })) }, "a@shop.test"),
  ],
  ["a mail that is refused", "confirm", emailProvider({ send: throws(thrown({ code: "E_VALIDATION_ERROR" })) }, "a@shop.test")],
  [
    "a SKU that throws",
    "reserve",
    inventoryProvider(() => ({
      reserve: throws(thrown()),
      commit: throws(thrown()),
      release: throws(thrown()),
      withdraw: throws(thrown()),
    })),
  ],
  ["an adapter that throws", "route", throws(thrown()) as unknown as Provider],
];

/** Carries an order whose provider of one step says this, until it is at rest or parked. */
async function carried(step: Step, provider: Provider): Promise<World> {
  const world = new World();
  world.behaviour = (call) => (call.step === step ? provider(call) : "succeed");
  world.place(order);
  await world.hint();
  for (let alarms = 0; alarms < 40; alarms++) {
    const { status } = world.state;
    if (isAtRest(status) || status === "quarantined" || status === "confirmed") break;
    await world.ring();
  }
  return world;
}

/** What somebody is shown of an order, but for what the merchant wrote into it. */
function shown({ state, journal, now }: World, viewer: { forOps: boolean }): string {
  const { customer: _, shipTo: __, ...view } = viewOf(state, viewer);
  const circumstances = { now, alarmAt: null, running: false, provider: null, backlog: null };
  const diagnosis = diagnosisOf(ORDER_ID, diagnose(state, journal, circumstances, LANES.standard), viewer);
  return JSON.stringify([view, timelineOf(ORDER_ID, journal, viewer), diagnosis]);
}

const secretsIn = (text: string) => SECRETS.filter((secret) => text.includes(secret));

describe.each(PROVIDERS)("When a provider quotes name, street and card token in %s", (_, step, provider) => {
  it("leaves no trace of them in the log, in the lists and their groups, or before a key that may only read", async () => {
    const world = await carried(step, provider);
    expect(world.state.status).not.toBe("processing");
    expect(secretsIn(world.logged.join("\n")), "log").toEqual([]);
    expect(secretsIn(JSON.stringify([summarize(world.state), world.published, world.deadLetters])), "rows, groups and messages").toEqual(
      [],
    );
    expect(secretsIn(shown(world, { forOps: false })), "view, timeline and diagnosis").toEqual([]);
  });
});

describe("What a provider said in its own words", () => {
  it("is told to a key with the scope ops", async () => {
    for (const [name, step, provider] of PROVIDERS) {
      const world = await carried(step, provider);
      if (JSON.stringify(world.journal.slice(1)).includes(SECRETS[0] as string))
        expect(secretsIn(shown(world, { forOps: true })), name).toEqual(SECRETS);
    }
    const refused = await carried("authorize", http(402));
    expect(shown(refused, { forOps: true })).toContain(QUOTE);
  });

  it("is reduced to a code, where it is one", async () => {
    const refused = await carried("authorize", http(402, { reason: "card_declined", detail: QUOTE }));
    expect(summarize(refused.state).reason).toBe("card_declined");
    expect(summarize((await carried("authorize", http(402))).state).reason).toBe("declined");
  });
});
