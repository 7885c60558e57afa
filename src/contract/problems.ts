/** Everything that can go wrong with a request, as problems of RFC 9457. Clients branch on `type`. */
import { z } from "zod";

/** One error of the body, with a JSON Pointer (RFC 6901) to where it is. */
export const FieldError = z.object({ pointer: z.string(), detail: z.string() }).meta({ id: "FieldError" });
export type FieldError = z.infer<typeof FieldError>;

/** RFC 9457. `type` is stable; `detail` is for people. */
export const Problem = z
  .object({
    type: z.string().meta({ example: "urn:orderline:problem:invalid-request" }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    errors: z.array(FieldError).optional(),
  })
  .catchall(z.unknown())
  .meta({ id: "Problem" });
export type Problem = z.infer<typeof Problem>;

/** The stable part of each problem. Clients branch on `type`; the words may be improved at any time. */
export const PROBLEMS = {
  "invalid-request": [422, "The request does not fit the contract"],
  "malformed-json": [400, "The body is not JSON"],
  "unsupported-media-type": [415, "The body must be plain JSON"],
  "body-too-large": [413, "The body is too large"],
  "missing-idempotency-key": [400, "An Idempotency-Key is required"],
  "idempotency-key-reused": [422, "The Idempotency-Key was used for something else"],
  unauthorized: [401, "A valid API key is required"],
  forbidden: [403, "The API key lacks a scope"],
  "not-found": [404, "There is nothing here"],
  "method-not-allowed": [405, "This route has other methods"],
  "invalid-idempotency-key": [400, "The Idempotency-Key is none"],
  "precondition-failed": [412, "It has changed meanwhile"],
  "wrong-status": [409, "The order's status does not allow this"],
  "wrong-stage": [409, "The order's track does not allow this stage now"],
  "receipt-conflict": [409, "The receipt was for another quantity"],
  "adjustment-conflict": [409, "The adjustment was another one"],
  "insufficient-stock": [409, "The goods are promised to orders"],
  "not-stocked": [409, "The SKU is made to order"],
  "invalid-cursor": [422, "The cursor is not valid here"],
  "upgrade-required": [426, "This is a WebSocket"],
  unavailable: [503, "A part of the service does not answer"],
  bug: [500, "Something went wrong here"],
} as const satisfies Record<string, readonly [number, string]>;

type Problems = typeof PROBLEMS;
export type ProblemName = keyof Problems;
export type ProblemStatus = Problems[ProblemName][0];

/** A problem whose status is known, so that a handler which answers what its contract does not declare does not compile. */
export type ProblemOf<Status extends ProblemStatus> = Problem & { readonly status: Status };

/** A problem as data. `more` adds members of its own, such as the evidence of a refusal. */
export function problem<Name extends ProblemName>(
  name: Name,
  detail: string,
  more: Record<string, unknown> = {},
): ProblemOf<Problems[Name][0]> {
  const [status, title] = PROBLEMS[name];
  return { type: `urn:orderline:problem:${name}`, title, status, detail, ...more };
}
