import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countryCode } from "../../scripts/replay/countries.ts";
import { ordersFrom, penceFrom, rowsFrom } from "../../scripts/replay/invoices.ts";
import { PlaceOrder, totalOf } from "../../src/contract/order.ts";

const HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";

/** A file of the given rows; each names only what matters to its test. */
function file(...rows: Partial<Record<"no" | "code" | "description" | "quantity" | "price" | "customer" | "country", string>>[]): string {
  const line = ({
    no = "536365",
    code = "85123A",
    description = "LANTERN",
    quantity = "1",
    price = "2.55",
    customer = "17850.0",
    country = "United Kingdom",
  }) => [no, code, description, quantity, "2010-12-01 08:26:00", price, customer, country].join(",");
  return [HEADER, ...rows.map(line)].join("\n");
}

function convert(csv: string) {
  const read = rowsFrom(csv);
  if ("problems" in read) throw new Error(read.problems.join("\n"));
  return ordersFrom(read.rows);
}

const skips = (csv: string) => convert(csv).skipped.map(({ invoice, why, value }) => [invoice, why, value]);

const POSTAGE = { code: "POST", description: "POSTAGE", quantity: "3", price: "18.0" };

describe("An invoice becomes an order", () => {
  it("with one line per row, integer pence and the invoice number as its name", () => {
    const { orders, skipped } = convert(file({ quantity: "6" }, { code: "71053", price: "3.39", quantity: "2" }));
    expect(skipped).toEqual([]);
    expect(orders).toEqual([
      {
        key: "536365",
        total: 6 * 255 + 2 * 339,
        body: {
          reference: "536365",
          priority: "standard",
          currency: "GBP",
          lines: [
            { sku: "85123A", description: "LANTERN", quantity: 6, unitPrice: 255 },
            { sku: "71053", description: "LANTERN", quantity: 2, unitPrice: 339 },
          ],
          charges: [],
          customer: { id: "17850" },
          shipTo: { country: "GB" },
          payment: { token: "tok_visa" },
        },
      },
    ]);
  });

  it("even when its rows do not stand together", () => {
    const { orders } = convert(file({ no: "1" }, { no: "2" }, { no: "1" }));
    expect(orders.map(({ key, body }) => [key, body.lines.length])).toEqual([
      ["1", 2],
      ["2", 1],
    ]);
  });

  it("of a customer without id when a guest bought it", () => {
    expect(convert(file({ customer: "" })).orders[0]?.body.customer).toEqual({});
  });

  it("keeping an article that stands twice as two lines", () => {
    expect(convert(file({ quantity: "1" }, { quantity: "2" })).orders[0]?.body.lines.map(({ quantity }) => quantity)).toEqual([1, 2]);
  });

  it("keeping a free line among paid ones", () => {
    const order = convert(file({ price: "0.0", description: "" }, {})).orders[0];
    expect(order?.body.lines[0]).toEqual({ sku: "85123A", quantity: 1, unitPrice: 0 });
    expect(order?.total).toBe(255);
  });

  it("expedited when postage is paid", () => {
    const order = convert(file({}, POSTAGE)).orders[0];
    expect(order?.body.priority).toBe("expedited");
    expect(order?.body.charges).toEqual([{ code: "postage", description: "POSTAGE", amount: 5_400 }]);
    expect(order?.total).toBe(5_655);
  });

  it.each([
    ["POST", "postage"],
    ["DOT", "postage"],
    ["C2", "postage"],
    ["M", "adjustment"],
    ["m", "adjustment"],
    ["BANK CHARGES", "fee"],
    ["AMAZONFEE", "fee"],
  ])("with %s as a charge of the kind %s, which is no line", (code, kind) => {
    const order = convert(file({}, { code })).orders[0];
    expect(order?.body.lines).toHaveLength(1);
    expect(order?.body.charges).toMatchObject([{ code: kind, amount: 255 }]);
  });

  it("never with a discount that raises the total", () => {
    const { orders, skipped } = convert(file({ price: "30" }, { code: "D", quantity: "1", price: "27.5" }));
    expect(orders).toEqual([]);
    expect(skipped).toMatchObject([{ why: "invalid", detail: expect.stringContaining("must be at most 0") }]);
  });

  it("with a discount, written as a negative quantity, that lowers the total", () => {
    const order = convert(file({ price: "30" }, { code: "D", quantity: "-1", price: "27.5" })).orders[0];
    expect(order?.body.charges).toMatchObject([{ code: "discount", amount: -2_750 }]);
    expect(order?.total).toBe(250);
  });

  it("with a price of more than two decimals rounded, and says so", () => {
    const { orders, rounded } = convert(file({ price: "0.125", quantity: "10" }, { price: "2.5500" }));
    expect(orders[0]?.total).toBe(10 * 13 + 255);
    expect(rounded).toEqual([{ invoice: "536365", line: 2, written: "0.125", pence: 13 }]);
  });

  it("up to the most lines that an order may have", () => {
    expect(convert(file(...Array.from({ length: 1_000 }, () => ({})))).orders[0]?.body.lines).toHaveLength(1_000);
  });
});

describe("An invoice is skipped, with its value", () => {
  it("when it cancels an earlier sale", () => {
    expect(skips(file({ no: "C536379", code: "D", quantity: "-1", price: "27.5" }))).toEqual([["C536379", "cancellation", -2_750]]);
  });

  it("when goods have a negative quantity, and then as a whole", () => {
    expect(skips(file({}, { quantity: "-10" }))).toEqual([["536365", "correction", -2_295]]);
  });

  it("when goods have a quantity of 0 or a negative price", () => {
    expect(skips(file({ no: "1", quantity: "0" }, { no: "2", price: "-1" }))).toEqual([
      ["1", "correction", 0],
      ["2", "correction", -100],
    ]);
  });

  it("when nothing on it has a price, or everything cancels out", () => {
    expect(skips(file({ no: "1", price: "0.0" }, { no: "2" }, { no: "2", code: "D", quantity: "-1" }))).toEqual([
      ["1", "no_value", 0],
      ["2", "no_value", 0],
    ]);
  });

  it("when it has charges and no goods", () => {
    expect(skips(file({ code: "BANK CHARGES", price: "15.0" }))).toEqual([["536365", "no_goods", 1_500]]);
  });

  it("when it has more lines than an order may have", () => {
    expect(skips(file(...Array.from({ length: 1_001 }, () => ({}))))).toEqual([["536365", "too_many_lines", 255_255]]);
  });

  it("when its rows disagree about customer or country", () => {
    expect(skips(file({}, { customer: "" }))).toEqual([["536365", "inconsistent", 510]]);
    expect(skips(file({}, { country: "France" }))).toEqual([["536365", "inconsistent", 510]]);
  });

  it("when its country is none, naming it", () => {
    const [skipped] = convert(file({ country: "European Community" })).skipped;
    expect(skipped).toMatchObject({ why: "unknown_country", detail: expect.stringContaining('"European Community"') });
  });

  it("when the contract refuses it, here for a total below 0", () => {
    expect(skips(file({}, { code: "D", quantity: "-2" }))).toEqual([["536365", "invalid", -255]]);
  });
});

describe("A file that is not of the form is refused", () => {
  const problems = (csv: string) => {
    const read = rowsFrom(csv);
    return "problems" in read ? read.problems.join("\n") : "";
  };

  it.each([
    ["quantity", file({}, { quantity: "1.5" }), "line 3: Quantity must be a whole number"],
    ["price", file({}, {}, { price: "2,55" }), "on line 4"],
    ["price in words", file({ price: "free" }), "line 2: UnitPrice must be a decimal number"],
    ["price in exponents", file({ price: "1e3" }), "line 2: UnitPrice must be a decimal number"],
    ["customer", file({ customer: "17850.5" }), "line 2: CustomerID must be a number or empty"],
    ["invoice number", file({ no: "5363-65" }), "line 2: InvoiceNo must be digits"],
    ["stock code", file({ code: "" }), "line 2: StockCode must be"],
    ["country", file({ country: "" }), "line 2: Country"],
    ["open quote", `${file({})}\n536365,"85123A`, "Quote Not Closed"],
    ["missing column", file({}).replace("UnitPrice", "Price"), "line 1: the header lacks UnitPrice"],
    ["no rows", HEADER, "the file has no rows"],
    ["nothing at all", "", "the file has no rows"],
  ])("and its line is named: %s", (_, csv, problem) => {
    expect(problems(csv)).toContain(problem);
  });

  it("and only the first problems are listed", () => {
    const many = problems(file(...Array.from({ length: 100 }, () => ({ quantity: "?" })))).split("\n");
    expect(many).toHaveLength(6);
    expect(many.at(-1)).toContain("only the first problems");
  });

  it("but quotes, commas, a byte order mark, Windows line ends and an empty last line are of the form", () => {
    const csv = `\uFEFF${file({ description: '"TRAY, ""BREAKFAST"" IN BED "' })}\n\n`.replaceAll("\n", "\r\n");
    expect(convert(csv).orders[0]?.body.lines[0]?.description).toBe('TRAY, "BREAKFAST" IN BED');
  });
});

describe("Pence", () => {
  it("are exact for every amount that a price tag can show", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999_999_999 }), (pence) => {
        const written = `${Math.floor(pence / 100)}.${String(pence % 100).padStart(2, "0")}`;
        expect(penceFrom(written)).toEqual({ written, pence, exact: true });
      }),
    );
  });

  it("are the nearest to any decimal, with a half away from zero, as rational arithmetic has it", () => {
    const digits = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 12 }).map((list) => list.join(""));
    fc.assert(
      fc.property(fc.boolean(), fc.integer({ min: 0, max: 9_999_999 }), digits, (negative, pounds, fraction) => {
        const written = `${negative ? "-" : ""}${pounds}${fraction && "."}${fraction}`;
        const scale = 10n ** BigInt(fraction.length);
        const hundredfold = (BigInt(pounds) * scale + BigInt(fraction || 0)) * 100n;
        const nearest = (2n * hundredfold + scale) / (2n * scale);
        const price = penceFrom(written);
        expect(BigInt(price?.pence ?? Number.NaN)).toBe(negative ? -nearest : nearest);
        expect(price?.exact).toBe(hundredfold % scale === 0n);
        expect(Object.is(price?.pence, -0)).toBe(false);
      }),
    );
  });

  it("come from plain decimals only", () => {
    for (const written of ["", ".", "1.", ".5", "+1", "1e2", "0x1", " 1", "1 ", "1,00", "NaN", "Infinity", "12345678", "--1"]) {
      expect(penceFrom(written), written).toBeUndefined();
    }
  });
});

describe("Country names", () => {
  it.each([
    ["United Kingdom", "GB"],
    ["Germany", "DE"],
    ["France", "FR"],
    ["Switzerland", "CH"],
    ["EIRE", "IE"],
    ["RSA", "ZA"],
    ["USA", "US"],
    ["Czech Republic", "CZ"],
    ["Hong Kong", "HK"],
    ["Channel Islands", "GG"],
    ["Unspecified", undefined],
    ["European Community", undefined],
    ["European Union", undefined],
    ["Unknown Region", undefined],
    ["", undefined],
  ])("%s is %s", (name, code) => {
    expect(countryCode(name)).toBe(code);
  });
});

describe("The sample file", () => {
  const csv = readFileSync(join(import.meta.dirname, "../../samples/online-retail-sample.csv"), "utf8");
  const { orders, skipped, rounded } = convert(csv);

  it("becomes 33 orders, and every other invoice is accounted for", () => {
    expect(orders).toHaveLength(33);
    expect(skipped.map(({ invoice, why }) => `${invoice} ${why}`)).toEqual([
      "C536379 cancellation",
      "C536383 cancellation",
      "536414 no_value",
      "536589 correction",
      "536779 no_goods",
      "536941 no_value",
      "537032 correction",
    ]);
    expect(rounded).toEqual([]);
  });

  it("adds up to the penny: orders and skips are what the raw lines come to", () => {
    // Read with no code of ours: fields from the right, since only the description has commas; thousandths as big integers.
    let raw = 0n;
    for (const line of csv.trim().split("\n").slice(1)) {
      const fields = line.split(",");
      const [pounds = "", fraction = ""] = (fields.at(-3) ?? "").split(".");
      raw += BigInt(fields.at(-5) ?? "") * BigInt(pounds + fraction.padEnd(3, "0"));
    }
    const ours = orders.reduce((sum, { total }) => sum + total, 0) + skipped.reduce((sum, { value }) => sum + value, 0);
    expect(BigInt(ours) * 10n).toBe(raw);
    expect(orders.reduce((sum, { total }) => sum + total, 0)).toBe(2_491_051);
  });

  it("gives orders that the contract accepts unchanged, each with the total that the contract computes", () => {
    for (const { body, total, key } of orders) {
      const parsed = PlaceOrder.parse(body);
      expect(totalOf(parsed), key).toBe(total);
      expect(parsed).toMatchObject(body);
    }
  });

  it("holds every kind that its description names", () => {
    const order = (invoice: string) => orders.find(({ key }) => key === invoice);
    expect(order("536876")?.body.lines).toHaveLength(592);
    expect(order("536876")?.body).toMatchObject({ customer: {}, priority: "expedited", charges: [{ code: "postage", amount: 88_752 }] });
    expect(order("536540")?.body).toMatchObject({ shipTo: { country: "IE" }, charges: [{ code: "postage", description: "CARRIAGE" }] });
    expect(order("536569")?.body.charges).toMatchObject([{ code: "adjustment" }, { code: "adjustment" }]);
    expect(order("537197")?.body.lines.filter(({ unitPrice }) => unitPrice === 0)).toHaveLength(1);
    expect(order("536982")?.total).toBeGreaterThan(1_000_000);
  });
});
