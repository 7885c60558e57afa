/**
 * Ids of orders and digests of requests. Both are derived from what the client sent, so a retry meets the same actor
 * without any lookup.
 */
import canonicalize from "canonicalize";
import type { OrderId } from "../contract/primitives.ts";
import { base32, hex, sha256 } from "../platform/digest.ts";

/** 130 bits, so that no two orders ever share an id. */
const ID_DIGITS = 26;

/**
 * The id of the order that this tenant submits under this key. Equal arguments give the same id wherever and whenever it is
 * asked for.
 */
export const orderIdOf = async (tenant: string, idempotencyKey: string): Promise<OrderId> =>
  `ord_${await digitsOf(`${tenant}\0${idempotencyKey}`)}`;

/** The id of the redrive that this tenant starts under this key. */
export const redriveIdOf = async (tenant: string, idempotencyKey: string): Promise<string> =>
  `rdr_${await digitsOf(`${tenant}\0redrive\0${idempotencyKey}`)}`;

const digitsOf = async (text: string): Promise<string> => base32(await sha256(text)).slice(0, ID_DIGITS);

/** Hex SHA-256 of the canonical JSON (RFC 8785). Two bodies that differ only in the order of their fields have the same digest. */
export const requestDigestOf = async (body: object): Promise<string> => hex(await sha256(canonicalize(body) ?? ""));
