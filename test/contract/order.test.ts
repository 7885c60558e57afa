import { describe, expect, it } from "vitest";
import { PlaceOrder } from "../../src/contract/order.ts";
import { invalid } from "../../src/http/problem.ts";
import { orderBody } from "../support/orders.ts";

/** What is wrong with a body, as its sender is told. */
function wrong(body: unknown): Record<string, string> {
  const parsed = PlaceOrder.safeParse(body);
  if (parsed.success) return {};
  return Object.fromEntries((invalid(parsed.error).errors ?? []).map(({ pointer, detail }) => [pointer, detail]));
}

const mailedTo = (email: string) => orderBody({ customer: { email } });

describe("An e-mail address", () => {
  it.each([
    "ada@example.com",
    "o'brien+orders@mail.example.co.uk",
    "jörg@exämple.de",
    "用户@例子.广告",
    "θσερ@εχαμπλε.ψομ",
    "राम@मोहन.ईन्फो",
    "ada@xn--exmple-cua.de",
  ])("may be %s", (email) => {
    expect(wrong(mailedTo(email))).toEqual({});
  });

  it.each([
    "ada",
    "@example.com",
    "ada@",
    "ada@localhost",
    "ada@example.c",
    "a@b@example.com",
    "ada..b@example.com",
    ".ada@example.com",
    "ada@-example.com",
    "ada@example..com",
    "ada lovelace@example.com",
    "ada@exam ple.com",
    "ada@example.com\r\nBcc: eve@example.com",
    "ada\n@example.com",
    "ada\u0000@example.com",
    "ada\u0085@example.com",
    "ada\u2028@example.com",
    "ada\u202e@example.com",
    "ad\u00a0a@example.com",
    "\ud800@example.com",
    "<ada@example.com>",
    `${"a".repeat(65)}@example.com`,
    `ada@${"a.".repeat(130)}com`,
  ])("may not be %j", (email) => {
    expect(Object.keys(wrong(mailedTo(email)))).toEqual(["/customer/email"]);
  });
});

describe("A charge", () => {
  const charged = (code: string, amount: number) => wrong(orderBody({ charges: [{ code, amount }] as never }));

  it.each([
    ["postage", 500],
    ["postage", 0],
    ["discount", -500],
    ["discount", 0],
    ["fee", 500],
    ["adjustment", 500],
    ["adjustment", -500],
  ])("called %s may be %d", (code, amount) => {
    expect(charged(code, amount)).toEqual({});
  });

  it.each([
    ["postage", -50, "must be at least 0"],
    ["discount", 500, "must be at most 0"],
    ["fee", -1, "must be at least 0"],
  ])("called %s may not be %d", (code, amount, detail) => {
    expect(charged(code, amount)).toEqual({ "/charges/0/amount": detail });
  });
});

describe("Currencies and countries", () => {
  it.each(["GBP", "EUR", "JPY", "KWD", "XAF", "XCG"])("know %s", (currency) => {
    expect(wrong(orderBody({ currency }))).toEqual({});
  });

  it.each(["ZZZ", "gbp", "XXX", "XAU", "XTS", "DEM", "GB", "", "__proto__", "constructor"])("do not know the currency %j", (currency) => {
    expect(wrong(orderBody({ currency }))).toEqual({ "/currency": "must be a currency of ISO 4217, such as GBP" });
  });

  it.each(["ZZ", "gb", "UK", "EU", "XK", "GBR", "", "constructor"])("do not know the country %j", (country) => {
    expect(wrong(orderBody({ shipTo: { country }, payment: { token: "tok_visa", country } }))).toEqual({
      "/shipTo/country": "must be a country of ISO 3166-1 in two letters, such as GB",
      "/payment/country": "must be a country of ISO 3166-1 in two letters, such as GB",
    });
  });
});

describe("What is wrong with an order", () => {
  const line = { sku: "A", quantity: 1, unitPrice: 1 };

  it.each<[string, unknown, Record<string, string>]>([
    ["an unknown field", { ...orderBody(), coupon: "X" }, { "/coupon": "is not a known field" }],
    ["a missing field", { ...orderBody(), currency: undefined }, { "/currency": "is required" }],
    ["a number for a text", { ...orderBody(), currency: 3 }, { "/currency": "must be a text" }],
    ["an empty text", { ...orderBody(), reference: "" }, { "/reference": "must have at least 1 character" }],
    ["a long text", { ...orderBody(), reference: "x".repeat(101) }, { "/reference": "must have at most 100 characters" }],
    ["a lone surrogate", { ...orderBody(), reference: "\ud800" }, { "/reference": "must be well-formed text without NUL" }],
    ["an unknown value", { ...orderBody(), priority: "urgent" }, { "/priority": "must be one of expedited, standard" }],
    ["an empty list", { ...orderBody(), lines: [] }, { "/lines": "must have at least 1 entry" }],
    ["a long list", { ...orderBody(), lines: Array(1_001).fill(line) }, { "/lines": "must have at most 1000 entries" }],
    ["an object for a list", { ...orderBody(), lines: {} }, { "/lines": "must be a list" }],
    ["nothing for a line", { ...orderBody(), lines: [null] }, { "/lines/0": "must be an object" }],
    ["too few", { ...orderBody(), lines: [{ ...line, quantity: 0 }] }, { "/lines/0/quantity": "must be at least 1" }],
    ["a fraction", { ...orderBody(), lines: [{ ...line, quantity: 1.5 }] }, { "/lines/0/quantity": "must be a whole number" }],
    ["a text for a number", { ...orderBody(), lines: [{ ...line, quantity: "1" }] }, { "/lines/0/quantity": "must be a number" }],
    ["a vast number", { ...orderBody(), lines: [{ ...line, unitPrice: 1e300 }] }, { "/lines/0/unitPrice": "must be at most 100000000000" }],
    [
      "a text of another form",
      { ...orderBody(), lines: [{ ...line, sku: " A" }] },
      { "/lines/0/sku": "must be 1 to 64 printable ASCII characters" },
    ],
    [
      "an unknown kind of charge",
      { ...orderBody(), charges: [{ code: "tip", amount: 1 }] },
      { "/charges/0/code": "must be one of postage, fee, discount, adjustment" },
    ],
    ["a list for an order", [], { "": "must be an object" }],
    ["nothing", null, { "": "must be an object" }],
    ["a text for an order", "x", { "": "must be an object" }],
  ])("is told in plain words: %s", (_, body, errors) => {
    expect(wrong(body)).toMatchObject(errors);
  });
});
