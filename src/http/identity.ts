/** How an order gets its id and the digest of its request: both are derived, so a retry meets the same actor without any lookup. */
import canonicalize from "canonicalize";
import type { OrderId } from "../contract/primitives.ts";
import { base32, hex, sha256 } from "../platform/digest.ts";

/** 130 bits: no two orders of a world full of them ever share an id. */
const ID_DIGITS = 26;

/** The id of the order that this tenant submits under this key: the same on every continent and for ever. */
export const orderIdOf = async (tenant: string, idempotencyKey: string): Promise<OrderId> =>
  `ord_${await digitsOf(`${tenant}\0${idempotencyKey}`)}`;

/** The id of the redrive that this tenant starts under this key. */
export const redriveIdOf = async (tenant: string, idempotencyKey: string): Promise<string> =>
  `rdr_${await digitsOf(`${tenant}\0redrive\0${idempotencyKey}`)}`;

const digitsOf = async (text: string): Promise<string> => base32(await sha256(text)).slice(0, ID_DIGITS);

/** The same for two bodies that mean the same, whatever the order of their fields. */
export const requestDigestOf = async (body: object): Promise<string> => hex(await sha256(canonicalize(body) ?? ""));
