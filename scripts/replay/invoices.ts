/**
 * Real invoices of the Online Retail form, turned into orders. Pure: text in, orders out; nothing is read, sent or guessed,
 * and whatever is not an order is handed back with the reason and its value, so that file and orders add up to the penny.
 *
 * An invoice is its rows with the same number, wherever they stand. What becomes of it:
 * - A number starting with `C` cancels goods sold earlier: skipped as `cancellation`.
 * - A quantity of 0 or below, or goods with a negative price, correct the books: skipped whole as `correction`, because half
 *   an invoice is nobody's order. A discount is written with a negative quantity and is none of these.
 * - A total of 0 is a write-off or a stock adjustment: skipped as `no_value`. A line without a price among paid ones is a gift
 *   and stays a line.
 * - POST, DOT (the web shop's postage), C2 and C3 (carriage) become a charge `postage`; D `discount`; M, B, ADJUST `adjustment`;
 *   BANK CHARGES, AMAZONFEE, CRUK (the commission of a charity) `fee`. Charges and nothing else: skipped as `no_goods`.
 * - An article that stands twice stays two lines. More lines than an order may have: skipped as `too_many_lines`, never split,
 *   because two orders are paid and delivered twice.
 * - No customer number is a guest: a customer without id. Rows that disagree about customer or country: `inconsistent`.
 * - A country name without an ISO code: `unknown_country`. Whatever else the contract refuses: `invalid`.
 * - Somebody who pays postage is in a hurry: `expedited`. Everybody else is `standard`.
 * - A price with a fraction of a penny is rounded to the nearest penny, a half away from zero, and listed in `rounded`.
 */
import { CsvError, parse } from "csv-parse/sync";
import { z } from "zod";
import { type Charge, MAX_LINES, PlaceOrder, Sku, totalOf } from "../../src/contract/order.ts";
import { countryCode } from "./countries.ts";

/** The sandbox's card that always pays. */
const PAYMENT_TOKEN = "tok_visa";

/** The file has one currency and does not name it; its source does. */
const CURRENCY = "GBP";

const CHARGES: Readonly<Record<string, z.infer<typeof Charge>["code"]>> = {
  POST: "postage",
  DOT: "postage",
  C2: "postage",
  C3: "postage",
  D: "discount",
  M: "adjustment",
  B: "adjustment",
  ADJUST: "adjustment",
  ADJUST2: "adjustment",
  "BANK CHARGES": "fee",
  AMAZONFEE: "fee",
  CRUK: "fee",
};

/** A price as it was written, with its value in pence. `exact` is false when it had to be rounded. */
export interface Price {
  readonly written: string;
  readonly pence: number;
  readonly exact: boolean;
}

/** Seven digits of pounds and six of quantity multiply to less than 2^53, so every product below is an exact integer. */
const DECIMAL = /^(-?)(\d{1,7})(?:\.(\d{1,20}))?$/;
const QUANTITY = /^-?\d{1,6}$/;

/**
 * Reads a decimal as pence without ever holding it as a fraction.
 * @returns undefined for anything but plain decimal digits
 */
export function penceFrom(written: string): Price | undefined {
  const [, sign, pounds, fraction = ""] = DECIMAL.exec(written) ?? [];
  if (pounds === undefined) return undefined;
  const kept = Number(pounds + fraction.slice(0, 2).padEnd(2, "0"));
  const rest = fraction.slice(2);
  const magnitude = /^[5-9]/.test(rest) ? kept + 1 : kept;
  return { written, pence: sign === "-" && magnitude > 0 ? -magnitude : magnitude, exact: !/[1-9]/.test(rest) };
}

/** One row of the file, by the names of its header. */
const Fields = z.object({
  InvoiceNo: z.string().regex(/^[A-Z]?\d{1,12}$/, "must be digits, after a letter for anything but a sale"),
  StockCode: Sku,
  Description: z.string(),
  Quantity: z.string().regex(QUANTITY, "must be a whole number of at most six digits").transform(Number),
  InvoiceDate: z.string().regex(/^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/, "must look like 2010-12-01 08:26:00"),
  UnitPrice: z.string().transform((written, context) => {
    const price = penceFrom(written);
    if (price) return price;
    context.addIssue({ code: "custom", message: "must be a decimal number such as 2.55" });
    return z.NEVER;
  }),
  // Some tool in its past read the numbers as floating point: 17850.0.
  CustomerID: z
    .string()
    .regex(/^(?:\d{1,20}(?:\.0)?)?$/, "must be a number or empty")
    .transform((written) => written.replace(/\.0$/, "")),
  Country: z.string().min(1),
});
export type InvoiceRow = z.infer<typeof Fields> & { readonly line: number };

const COLUMNS = Object.keys(Fields.shape);

/** Problems of a file that are told at once; a file of another form would have one per line. */
const MAX_PROBLEMS = 5;

/** @returns the rows of a CSV file, or what is wrong with it, with line numbers, when even one row is not of the form */
export function rowsFrom(csv: string): { readonly rows: InvoiceRow[] } | { readonly problems: string[] } {
  const problems: string[] = [];
  const rows: InvoiceRow[] = [];
  try {
    parse<null, Record<string, string>>(csv, {
      bom: true,
      skip_empty_lines: true,
      columns: (header: string[]) => {
        const missing = COLUMNS.filter((column) => !header.includes(column));
        if (missing.length > 0) throw new NotOfTheForm(`line 1: the header lacks ${missing.join(", ")}`);
        return header;
      },
      on_record: (record, { lines }) => {
        const parsed = Fields.safeParse(record);
        if (parsed.success) rows.push({ ...parsed.data, line: lines });
        else problems.push(...parsed.error.issues.map((issue) => `line ${lines}: ${issue.path.join(".")} ${issue.message}`));
        if (problems.length >= MAX_PROBLEMS) throw new NotOfTheForm("and so on; only the first problems are listed");
        return null;
      },
    });
  } catch (error) {
    // The parser can only be left by throwing. What it throws itself names the line.
    if (!(error instanceof NotOfTheForm || error instanceof CsvError)) throw error;
    problems.push(error.message);
  }
  if (problems.length === 0 && rows.length === 0) problems.push("the file has no rows");
  return problems.length > 0 ? { problems } : { rows };
}

class NotOfTheForm extends Error {}

export interface ReplayOrder {
  /** The invoice number: it names the order within one run. */
  readonly key: string;
  readonly body: z.input<typeof PlaceOrder>;
  /** Pence. */
  readonly total: number;
}

export type SkipReason =
  | "cancellation"
  | "correction"
  | "no_value"
  | "no_goods"
  | "too_many_lines"
  | "inconsistent"
  | "unknown_country"
  | "invalid";

export interface Skipped {
  readonly invoice: string;
  readonly why: SkipReason;
  /** The evidence, for people. */
  readonly detail: string;
  /** What its rows come to, in pence; negative for a cancellation. */
  readonly value: number;
}

export interface Rounded {
  readonly invoice: string;
  readonly line: number;
  readonly written: string;
  readonly pence: number;
}

export interface Conversion {
  /** In the order in which the invoices begin in the file. */
  readonly orders: ReplayOrder[];
  readonly skipped: Skipped[];
  /** Prices of orders that had a fraction of a penny. */
  readonly rounded: Rounded[];
}

export function ordersFrom(rows: readonly InvoiceRow[]): Conversion {
  const conversion: Conversion = { orders: [], skipped: [], rounded: [] };
  for (const [invoice, its] of Map.groupBy(rows, (row) => row.InvoiceNo)) {
    const result = orderFrom(invoice, its);
    if ("why" in result) {
      conversion.skipped.push({ invoice, ...result, value: its.reduce((sum, row) => sum + worthOf(row), 0) });
      continue;
    }
    conversion.orders.push(result);
    for (const { line, UnitPrice } of its) {
      if (!UnitPrice.exact) conversion.rounded.push({ invoice, line, written: UnitPrice.written, pence: UnitPrice.pence });
    }
  }
  return conversion;
}

const worthOf = (row: InvoiceRow): number => row.Quantity * row.UnitPrice.pence;

/** The code is written in either case. */
const chargeOf = (row: InvoiceRow) => CHARGES[row.StockCode.toUpperCase()];

function orderFrom(invoice: string, rows: readonly InvoiceRow[]): ReplayOrder | Pick<Skipped, "why" | "detail"> {
  const goods = rows.filter((row) => chargeOf(row) === undefined);
  const { CustomerID, Country } = rows[0] as InvoiceRow;

  if (invoice.startsWith("C")) return { why: "cancellation", detail: "takes back what was sold earlier" };

  const correction = rows.find(isCorrection);
  if (correction) {
    const { line, Quantity, UnitPrice } = correction;
    return { why: "correction", detail: `line ${line} has quantity ${Quantity} at ${UnitPrice.written}` };
  }
  if (rows.every((row) => row.UnitPrice.pence === 0)) return { why: "no_value", detail: "nothing on it has a price" };
  if (goods.length === 0) return { why: "no_goods", detail: `only ${rows.map((row) => row.StockCode).join(", ")}` };
  if (goods.length > MAX_LINES) return { why: "too_many_lines", detail: `${goods.length} lines, an order has at most ${MAX_LINES}` };

  const other = rows.find((row) => row.CustomerID !== CustomerID || row.Country !== Country);
  if (other) return { why: "inconsistent", detail: `line ${other.line} names another customer or country` };

  const country = countryCode(Country);
  if (country === undefined) return { why: "unknown_country", detail: `no ISO 3166-1 code is known for "${Country}"` };

  const charges = rows.flatMap((row) => {
    const code = chargeOf(row);
    return code ? [{ code, ...descriptionOf(row), amount: worthOf(row) }] : [];
  });
  const body = {
    reference: invoice,
    priority: charges.some((charge) => charge.code === "postage" && charge.amount > 0) ? ("expedited" as const) : ("standard" as const),
    currency: CURRENCY,
    lines: goods.map((row) => ({
      sku: row.StockCode,
      ...descriptionOf(row),
      quantity: row.Quantity,
      unitPrice: row.UnitPrice.pence,
    })),
    charges,
    customer: CustomerID === "" ? {} : { id: CustomerID },
    shipTo: { country },
    payment: { token: PAYMENT_TOKEN },
  };
  const total = totalOf(body);
  if (total === 0) return { why: "no_value", detail: "its lines and charges cancel out" };

  const checked = PlaceOrder.safeParse(body);
  if (!checked.success) return { why: "invalid", detail: z.prettifyError(checked.error).replace(/\s+/g, " ") };
  return { key: invoice, body, total };
}

function isCorrection(row: InvoiceRow): boolean {
  const charge = chargeOf(row);
  if (charge === "discount") return false;
  return row.Quantity <= 0 || (charge === undefined && row.UnitPrice.pence < 0);
}

function descriptionOf(row: InvoiceRow): { description?: string } {
  const description = row.Description.trim();
  return description === "" ? {} : { description };
}
