/** The small values that all boundaries share: identifiers, money, time. Nothing here knows what an order is. */
import * as currencies from "dinero.js/currencies";
import { iso31661Alpha2ToAlpha3 } from "iso-3166";
import { z } from "zod";
import "./words.ts";

/** Crockford's base32 in lower case: no i, l, o, u, so that an id survives being read out over the phone. */
export const BASE32_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz";

/** `ord_` and 26 Crockford base32 digits (130 bits): see `http/identity.ts` for how one is derived. */
export const OrderId = z
  .string()
  .regex(/^ord_[0-9a-hjkmnp-tv-z]{26}$/, "must be an order id: ord_ and 26 lower-case base32 digits")
  .meta({ description: "Identifier of an order.", example: "ord_1x3q8n5v0c7k2m9p4r6t8w0y2b" });
export type OrderId = z.infer<typeof OrderId>;

/** The company that an API key belongs to. Every order id is derived from it, and every row and read is bound to it. */
export const Tenant = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be a tenant name");
export type Tenant = z.infer<typeof Tenant>;

/** Printable ASCII without spaces at the ends, as in the IETF `Idempotency-Key` draft; 255 is the usual limit of the field. */
export const IdempotencyKey = z
  .string()
  .regex(
    /^[\x21-\x2b\x2d-\x7e](?:[\x20-\x2b\x2d-\x7e]{0,253}[\x21-\x2b\x2d-\x7e])?$/,
    "must be 1 to 255 printable ASCII characters without a comma",
  )
  .meta({ description: "Names this submission. The same key and body may be sent any number of times.", example: "web-536365" });

/** Where a list goes on, as the page before told it; far longer than any that is handed out. */
export const Cursor = z.string().max(500);

/** A text out of a long list. The list is told by the contract, but not repeated to whoever sends another text. */
const listed = (values: readonly string[], message: string) => {
  const known = new Set(values);
  return z
    .string()
    .refine((value) => known.has(value), message)
    .meta({ enum: [...values] });
};

/** Money of ISO 4217 that is in use; the minor unit of the currency is implied by it. */
export const Currency = listed(Object.keys(currencies), "must be a currency of ISO 4217, such as GBP").meta({
  id: "Currency",
  description: "ISO 4217 currency.",
  example: "GBP",
});
export type Currency = z.infer<typeof Currency>;

/** Far above any order, and far enough below 2^53 that sums over ninety thousand orders of this size stay exact. */
export const MAX_AMOUNT = 1_000_000_000_00;

/** Money is an integer number of minor units (pence, cents), never a float. */
export const Amount = z
  .int()
  .min(-MAX_AMOUNT)
  .max(MAX_AMOUNT)
  .meta({ description: "Integer minor units of the order's currency.", example: 255 });

/** The end of the year 9999. ISO 8601 writes later years in another form, which the contract does not know. */
const MAX_DATE_MS = 253_402_300_799_999;

/** Milliseconds since the Unix epoch, as stored; the HTTP face shows the same instant as ISO 8601. */
export const Millis = z.int().nonnegative().max(MAX_DATE_MS);

/** An instant as clients see it: ISO 8601 in UTC. */
export const Instant = z.iso.datetime().meta({ example: "2026-11-21T08:26:00.000Z" });

/** How many of something there are. */
export const Count = z.int().nonnegative();

/** ISO 3166-1 alpha-2, as assigned. */
export const Country = listed(Object.keys(iso31661Alpha2ToAlpha3), "must be a country of ISO 3166-1 in two letters, such as GB").meta({
  id: "Country",
  description: "ISO 3166-1 alpha-2 country.",
  example: "GB",
});

/** RFC 5321, 4.5.3.1: longer addresses cannot be written to. */
const MAX_EMAIL_LENGTH = 254;

/** Letters and digits of any script, and what ASCII allows besides. Quoted local parts are refused, as everywhere. */
const ATOM = "(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]|[^\\p{ASCII}\\p{C}\\p{Z}])+";
const LABEL = "[\\p{L}\\p{N}](?:[\\p{L}\\p{M}\\p{N}-]{0,61}[\\p{L}\\p{M}\\p{N}])?";
const TOP_LEVEL = "\\p{L}[\\p{L}\\p{M}\\p{N}-]{0,61}[\\p{L}\\p{M}\\p{N}]";
const EMAIL = new RegExp(`^(?=[^@]{1,64}@)${ATOM}(?:\\.${ATOM})*@(?:${LABEL}\\.)+${TOP_LEVEL}$`, "u");

/** An address as of RFC 6531: internationalised ones, too. No control character, space or line break is in one. */
export const Email = z
  .string()
  .max(MAX_EMAIL_LENGTH)
  .refine((value) => EMAIL.test(value), "must be an e-mail address")
  .meta({ format: "idn-email" });

/**
 * Human text of bounded length. Lone surrogates and NUL are refused: UTF-8 and SQLite do not store them unchanged, and a text
 * that changes on the way would make a repeated submission look like another order.
 */
export const text = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((value) => value.isWellFormed() && !value.includes("\0"), "must be well-formed text without NUL");

/** Why a person did something. It is kept, and shown to whoever reads what was done. */
export const Reason = text(500).meta({ description: "Why; kept with who did it.", example: "the customer called" });
