/**
 * The confirmation as a mail through the platform's email binding. The binding has no idempotency keys, so delivery is at
 * least once: a call that is repeated after a lost answer may send a second mail. Both carry the same `X-Entity-Ref-ID`, by
 * which mail systems recognise them as one. No customer's address ever reaches a log or a journal from here.
 */
import { html } from "hono/html";
import type { FailureKind, PlacedOrder } from "../contract/events.ts";
import type { Provider, ProviderAnswer } from "../domain/ports.ts";
import { excerpt } from "../platform/log.ts";
import { codeIn, failed, kindOf, succeeded } from "./answers.ts";
import { bounded } from "./bounded.ts";

/** The part of the platform's `SendEmail` that is used here. */
export interface Mailer {
  send(mail: Mail): Promise<{ readonly messageId: string }>;
}

/** An address with the name that mail programs show in its place. */
export interface Sender {
  readonly email: string;
  readonly name: string;
}

export interface Mail {
  readonly from: string | Sender;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly headers: Record<string, string>;
}

/** Mail programs fold or cut a subject of more than 78 characters (RFC 5322 §2.1.1). */
const MAX_SUBJECT = 78;

/** @param from sender; its domain must be one that the account may send from */
export function emailProvider(mailer: Mailer, from: string | Sender): Provider {
  return bounded(async ({ order, key }) => {
    const to = order.customer.email;
    if (to === undefined) return succeeded({ reference: "no_address" });
    try {
      const { messageId } = await mailer.send({ from, to, headers: { "X-Entity-Ref-ID": key }, ...(await confirmation(order)) });
      return succeeded({ reference: excerpt(messageId) });
    } catch (error) {
      return classify(error);
    }
  });
}

/**
 * Codes of Cloudflare Email Service after which a retry may succeed. Nothing was sent, except perhaps after an internal
 * error. Every other code says that the mail or the account's settings can never work as they are.
 */
const PASSING: ReadonlyMap<string, FailureKind> = new Map([
  ["E_RATE_LIMIT_EXCEEDED", "transient"],
  ["E_DAILY_LIMIT_EXCEEDED", "transient"],
  ["E_DELIVERY_FAILED", "transient"],
  ["E_INTERNAL_SERVER_ERROR", "unknown"],
]);

/** The address bounced before, or its owner complained. */
const SUPPRESSED = "E_RECIPIENT_SUPPRESSED";

function classify(error: unknown): ProviderAnswer {
  const code = codeIn(error instanceof Error && "code" in error ? error.code : undefined);
  // An order whose customer cannot be reached by mail is paid and goes on. Parked, it would wait for a redrive that cannot help.
  if (code === SUPPRESSED) return succeeded({ reference: "undeliverable" });
  if (code?.startsWith("E_")) return failed(PASSING.get(code) ?? "poison", `the email binding answered ${code}`, { said: error });
  return failed("unknown", `the email binding failed: ${kindOf(error)}`, { said: error });
}

async function confirmation(order: PlacedOrder): Promise<Pick<Mail, "subject" | "text" | "html">> {
  const money = moneyIn(order.currency);
  const name = oneLine(order.reference ?? order.orderId);
  const greeting = order.customer.name ? `Dear ${oneLine(order.customer.name)},` : "Hello,";
  const rows = [
    ...order.lines.map((line) => ({
      what: `${line.quantity} × ${oneLine(line.description ?? line.sku)}`,
      amount: money(line.quantity * line.unitPrice),
    })),
    ...order.charges.map((charge) => ({ what: oneLine(charge.description ?? charge.code), amount: money(charge.amount) })),
  ];
  const total = money(order.total);
  const body = await html`<p>${greeting}</p>
    <p>thank you: your order <strong>${name}</strong> is confirmed.</p>
    <table>
      ${rows.map(({ what, amount }) => html`<tr><td>${what}</td><td align="right">${amount}</td></tr>`)}
      <tr><th align="left">Total</th><th align="right">${total}</th></tr>
    </table>`;
  return {
    subject: excerpt(`Your order ${name} is confirmed`, MAX_SUBJECT),
    text: [
      greeting,
      "",
      `thank you: your order ${name} is confirmed.`,
      "",
      ...rows.map(({ what, amount }) => `${what}  ${amount}`),
      `Total  ${total}`,
      "",
    ].join("\n"),
    html: String(body),
  };
}

/** What somebody typed may not make lines of its own, which would read as if we had written them. */
const oneLine = (text: string): string => text.replace(/[\s\p{Cc}]+/gu, " ").trim();

/** Formats minor units as an amount of the currency, which defines how many of them make a major unit. */
function moneyIn(currency: string): (amount: number) => string {
  const format = new Intl.NumberFormat("en", { style: "currency", currency });
  const minorUnits = 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2);
  return (amount) => format.format(amount / minorUnits);
}
