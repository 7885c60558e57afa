import { describe, expect, it } from "vitest";
import { TenantProfile } from "../../src/contract/profile.ts";
import { admit, DEFAULT_PROFILE, unmetBy } from "../../src/tenants/profile.ts";

const track = (...names: string[]) => ({ firstStageWithinMs: 60_000, stages: names.map((name) => ({ name, budgetMs: 60_000 })) });
const limit = (reviewFrom: number) => ({ reviewFrom, foreignCardFrom: reviewFrom });

const PROFILE = TenantProfile.parse({
  displayName: "Ada's Bakery",
  sender: "orders@ada.example",
  providers: { payment: { adapter: "http", url: "https://pay.example", secret: "PROVIDER_TOKEN_PAY" } },
  lanes: { standard: { retry: { maxAttempts: 3 } } },
  risk: { velocityMax: 9, limits: { GBP: limit(500), EUR: limit(600) } },
  tracks: { bread: track("baking", "delivered"), cake: track("icing", "delivered") },
  currencies: ["GBP", "EUR"],
});

describe("An order that is placed under a tenant's profile", () => {
  it("takes a track of the profile, the first when it names none", () => {
    expect(admit({ version: 7, profile: PROFILE }, { currency: "GBP" })).toMatchObject({ track: "bread" });
    expect(admit({ version: 7, profile: PROFILE }, { track: "cake", currency: "GBP" })).toMatchObject({ track: "cake" });
    expect(admit(DEFAULT_PROFILE, { currency: "GBP" })).toMatchObject({ track: "retail" });
    expect(admit({ version: 7, profile: {} }, { track: "bakery", currency: "GBP" })).toMatchObject({ track: "bakery" });
  });

  it("is refused with what is allowed when its track or its currency is not", () => {
    expect(admit({ version: 7, profile: PROFILE }, { track: "retail", currency: "USD" })).toEqual({
      errors: [
        { pointer: "/track", detail: "is not a track of this tenant: there are bread, cake" },
        { pointer: "/currency", detail: "is not accepted by this tenant: it takes GBP, EUR" },
      ],
    });
    expect(admit(DEFAULT_PROFILE, { track: "cake", currency: "GBP" })).toEqual({
      errors: [{ pointer: "/track", detail: "is not a track of this tenant: there are retail, bakery" }],
    });
  });

  it.each(["constructor", "__proto__", "toString"])("is refused a track that every object seems to have: %s", (name) => {
    expect(admit(DEFAULT_PROFILE, { track: name, currency: "GBP" })).toHaveProperty("errors");
  });

  it("takes along what its life needs: its own track and the limits of its own currency", () => {
    expect(admit({ version: 7, profile: PROFILE }, { track: "cake", currency: "EUR" })).toEqual({
      track: "cake",
      profile: {
        version: 7,
        displayName: "Ada's Bakery",
        sender: "orders@ada.example",
        providers: PROFILE.providers,
        lanes: PROFILE.lanes,
        risk: { velocityMax: 9, limits: { EUR: limit(600) } },
        track: PROFILE.tracks?.cake,
      },
    });
    expect(admit({ version: 8, profile: {} }, { currency: "GBP" })).toEqual({ track: "retail", profile: { version: 8 } });
  });

  it("takes nothing along of the default profile", () => {
    expect(admit(DEFAULT_PROFILE, { currency: "GBP" })).toEqual({ track: "retail", profile: undefined });
  });
});

describe("A profile in a deployment", () => {
  const deployed = { hasSecret: (name: string) => name === "PROVIDER_TOKEN_PAY", development: false };
  const payment = (choice: object) => TenantProfile.parse({ providers: { payment: choice } });

  it("names only secrets that are there", () => {
    expect(unmetBy(deployed, PROFILE)).toEqual([]);
    const other = payment({ adapter: "http", url: "https://pay.example", secret: "PROVIDER_TOKEN_OTHER" });
    expect(unmetBy(deployed, other)).toEqual([
      {
        pointer: "/providers/payment/secret",
        detail: "this deployment has no secret PROVIDER_TOKEN_OTHER: npx wrangler secret put PROVIDER_TOKEN_OTHER",
      },
    ]);
  });

  it("calls providers without TLS on a developer's machine only", () => {
    const local = payment({ adapter: "http", url: "http://localhost:9000" });
    expect(unmetBy(deployed, local)).toEqual([{ pointer: "/providers/payment/url", detail: "must begin with https://" }]);
    expect(unmetBy({ ...deployed, development: true }, local)).toEqual([]);
  });
});
