import { describe, expect, it } from "vitest";
import { TenantProfile } from "../../src/contract/profile.ts";
import { invalid } from "../../src/http/problem.ts";

const MINUTE = 60_000;

/** A bakery with a payment provider of its own. */
const BAKERY = {
  displayName: "Ada's Bakery",
  sender: "orders@ada.example",
  providers: {
    payment: {
      adapter: "http",
      url: "https://pay.ada.example/orderline",
      secret: "PROVIDER_TOKEN_ADA_PAY",
      timeoutMs: 5_000,
      breaker: { tripAfter: 5, withinMs: 30_000 },
    },
    fulfilment: { adapter: "deployment", breaker: { sharedAs: "courier" } },
    notification: { adapter: "embedded" },
  },
  lanes: { standard: { retry: { maxAttempts: 12 }, stallAfterMs: 10_000 } },
  risk: { velocityMax: 10, velocityWindowMs: 10 * MINUTE, limits: { JPY: { reviewFrom: 100_000, foreignCardFrom: 5_000 } } },
  tracks: {
    bakery: {
      firstStageWithinMs: 10 * MINUTE,
      stages: [
        { name: "baking", budgetMs: 90 * MINUTE },
        { name: "delivered", budgetMs: 0 },
      ],
    },
  },
  currencies: ["GBP", "EUR"],
};

/** What is wrong with a profile, and where. */
function flawsOf(profile: unknown): Record<string, string> {
  const parsed = TenantProfile.safeParse(profile);
  return parsed.success ? {} : Object.fromEntries((invalid(parsed.error).errors ?? []).map(({ pointer, detail }) => [pointer, detail]));
}

const payment = (choice: object) => flawsOf({ providers: { payment: choice } });
const url = (address: string) => payment({ adapter: "http", url: address })["/providers/payment/url"];

describe("A tenant's profile", () => {
  it("may leave everything out, and may say everything", () => {
    expect(TenantProfile.parse({})).toEqual({});
    expect(TenantProfile.parse(BAKERY)).toEqual(BAKERY);
  });

  it("names what is not known, and where", () => {
    expect(Object.keys(flawsOf({ logo: "x" }))).toEqual(["/logo"]);
    expect(Object.keys(flawsOf({ providers: { carrier: { adapter: "embedded" } } }))).toEqual(["/providers/carrier"]);
    expect(Object.keys(flawsOf({ lanes: { overnight: {} } }))).toEqual(["/lanes/overnight"]);
    expect(Object.keys(flawsOf({ lanes: { standard: { retry: { steps: 3 } } } }))).toEqual(["/lanes/standard/retry/steps"]);
    expect(Object.keys(flawsOf({ tracks: { bakery: { ...BAKERY.tracks.bakery, stations: [] } } }))).toEqual(["/tracks/bakery/stations"]);
  });

  it("names the ports and the lanes that there are when it is given another", () => {
    expect(flawsOf({ providers: { carrier: { adapter: "embedded" } } })).toEqual({
      "/providers/carrier": "is not a known field: there are payment, inventory, fulfilment, notification",
    });
    expect(flawsOf({ lanes: { overnight: {}, slow: {} } })).toEqual({
      "/lanes/overnight": "is not a known field: there are expedited, standard",
      "/lanes/slow": "is not a known field: there are expedited, standard",
    });
    expect(flawsOf({ lanes: 3 })).toEqual({ "/lanes": "must be an object" });
  });

  it("cannot set what all tenants share of a lane", () => {
    expect(Object.keys(flawsOf({ lanes: { standard: { capacity: 5, fullAfterMs: 5_000 } } }))).toEqual([
      "/lanes/standard/capacity",
      "/lanes/standard/fullAfterMs",
    ]);
  });

  it("has tracks with stages, each of another name", () => {
    expect(flawsOf({ tracks: {} })).toEqual({ "/tracks": "must name a track" });
    const track = (stages: string[]) => ({ firstStageWithinMs: MINUTE, stages: stages.map((name) => ({ name, budgetMs: MINUTE })) });
    expect(flawsOf({ tracks: { bakery: track([]) } })).toEqual({
      "/tracks/bakery/stages": "must have a stage: the last one ends the order",
    });
    expect(flawsOf({ tracks: { bakery: track(["baking", "packing", "baking"]) } })).toEqual({
      "/tracks/bakery/stages/2/name": "there is a stage baking in this track already",
    });
    expect(Object.keys(flawsOf({ tracks: { bakery: track(["Baking!"]) } }))).toEqual(["/tracks/bakery/stages/0/name"]);
    expect(Object.keys(flawsOf({ tracks: { "A track": track(["baking"]) } }))).toEqual(["/tracks/A track"]);
    expect(Object.keys(flawsOf({ tracks: { bakery: { firstStageWithinMs: 400 * 24 * 60 * MINUTE, stages: [] } } }))).toContain(
      "/tracks/bakery/firstStageWithinMs",
    );
  });

  it("takes no currency that is none", () => {
    expect(Object.keys(flawsOf({ currencies: ["GBP", "pounds"] }))).toEqual(["/currencies/1"]);
    expect(flawsOf({ currencies: [] })).toEqual({ "/currencies": "must name a currency; leave it out to accept all" });
    expect(Object.keys(flawsOf({ risk: { limits: { pounds: { reviewFrom: 1, foreignCardFrom: 1 } } } }))).toEqual(["/risk/limits/pounds"]);
  });

  it("calls providers over TLS only, at addresses without credentials, query or fragment", () => {
    expect(url("https://pay.example/orderline")).toBeUndefined();
    expect(url("http://localhost:9000/pay")).toBeUndefined();
    expect(url("http://pay.example")).toBe("must begin with https://");
    expect(url("ftp://localhost/")).toBe("must begin with https://");
    expect(url("//pay.example")).toBe("must be an absolute URL such as https://payments.example.com/orderline");
    expect(url("https://ada:secret@pay.example")).toBe("must hold no user name and no password; name a secret instead");
    expect(url("https://pay.example/#x")).toBe("must have no fragment");
    expect(url("https://pay.example/?a=b")).toBe("must have no query: the operation is appended to its path");
    expect(url(`https://pay.example/${"x".repeat(500)}`)).toBe("must have at most 500 characters");
  });

  it.each(["PAYMENT_TOKEN", "API_KEYS", "provider_token_x", "PROVIDER_TOKEN_", "PROVIDER_TOKEN_X\n", "__proto__"])(
    "cannot send the binding %j to a provider",
    (secret) => {
      const flaws = payment({ adapter: "http", url: "https://pay.example", secret });
      expect(Object.keys(flaws)).toEqual(["/providers/payment/secret"]);
    },
  );

  it("says which adapters there are", () => {
    expect(payment({ adapter: "stripe" })).toEqual({ "/providers/payment/adapter": "must be one of deployment, embedded, http" });
    expect(Object.keys(payment({ adapter: "embedded", url: "https://pay.example" }))).toEqual(["/providers/payment/url"]);
  });
});
