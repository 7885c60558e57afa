import { describe, expect, it } from "vitest";
import { OrderId } from "../../src/contract/primitives.ts";
import { orderIdOf, redriveIdOf, requestDigestOf } from "../../src/http/identity.ts";
import { orderBody } from "../support/orders.ts";

describe("The id of an order", () => {
  it("is the same wherever and whenever it is derived", async () => {
    // A changed derivation would make every retry across a release a second order, so it is pinned here.
    expect(await orderIdOf("demo", "a1")).toBe("ord_zptetmgdhqmftqy1f9xqgqnfc9");
    expect(await orderIdOf("shop", "web-536365")).toBe("ord_aqj6eqmgxzk1r22r8cpgh1e490");
    expect(await redriveIdOf("demo", "a1")).toBe("rdr_3zfpy40pwwrstvtk39nv0yvhzx");
    expect(OrderId.safeParse(await orderIdOf("shop", "web-536365")).success).toBe(true);
  });

  it("differs by tenant and by key, and no tenant can imitate another's", async () => {
    const ids = await Promise.all([orderIdOf("a", "b"), orderIdOf("b", "a"), orderIdOf("a", "bb"), orderIdOf("ab", "b")]);
    expect(new Set(ids).size).toBe(4);
  });
});

describe("The digest of a request", () => {
  it("stays what it is across releases", async () => {
    expect(await requestDigestOf({ b: 1, a: "ä" })).toBe("507aab815f2bdfce1c740c0b1ae7b1c874f56b9aa5b9ab109a07b57365148233");
  });

  it("does not depend on the order of fields, and on everything else it does", async () => {
    const body = orderBody();
    const reversed = Object.fromEntries(Object.entries(body).reverse()) as typeof body;
    expect(await requestDigestOf(reversed)).toBe(await requestDigestOf(body));
    expect(await requestDigestOf({ ...body, lines: [...body.lines].reverse() })).not.toBe(await requestDigestOf(body));
    expect(await requestDigestOf({ ...body, priority: "expedited" })).not.toBe(await requestDigestOf(body));
  });
});
