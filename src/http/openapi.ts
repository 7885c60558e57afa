/** What the routes' contracts share: error answers, the scope that each needs, and the app that validates by them. */
import { createRoute, OpenAPIHono, type RouteConfig } from "@hono/zod-openapi";
import { z } from "zod";
import { Problem, problem } from "../contract/problems.ts";
import type { Scope } from "../tenants/keys.ts";
import { permitted } from "./authentication.ts";
import type { HttpEnv } from "./context.ts";
import { jsonOnly, limited } from "./json-body.ts";
import { invalid, respond } from "./problem.ts";

const ERRORS = {
  400: "The request is malformed.",
  401: "No valid API key.",
  403: "The API key lacks the scope.",
  404: "Not found, or another tenant's.",
  409: "What it concerns does not allow it as it is now.",
  412: "It has changed meanwhile.",
  413: "The body is too large.",
  415: "The body is not plain application/json in UTF-8.",
  422: "The request does not fit the contract.",
  426: "A WebSocket upgrade is needed.",
  503: "A part of the service does not answer; try again.",
} as const;

type ErrorStatus = keyof typeof ERRORS;
type ErrorResponses<Status extends ErrorStatus> = {
  [Key in Status]: { description: string; content: { "application/problem+json": { schema: typeof Problem } } };
};

/** The error answers of a route; 401, 403 and 422 go without saying, because every route below `/v1` has them. */
export function errors<Status extends ErrorStatus = never>(...statuses: Status[]): ErrorResponses<Status | 401 | 403 | 422> {
  const content = { "application/problem+json": { schema: Problem } };
  const entries = ([401, 403, ...statuses, 422] as ErrorStatus[]).map((status) => [status, { description: ERRORS[status], content }]);
  return Object.fromEntries(entries) as ErrorResponses<Status | 401 | 403 | 422>;
}

/** A JSON response of a contract. */
export const json = <Schema extends z.ZodType>(schema: Schema, description: string) => ({
  description,
  content: { "application/json": { schema } },
});

/** A JSON request body of a contract. It must be sent. */
export const body = <Schema extends z.ZodType>(schema: Schema) => ({ required: true, content: { "application/json": { schema } } });

type Contract<Path extends string> = Omit<RouteConfig, "path" | "security" | "middleware"> & { path: Path };

/** One scope, or several of which one is enough. */
type Needed = Scope | readonly Scope[];

/** A route's contract. The scope stands in the OpenAPI document and is enforced by middleware, both from this one argument. */
export const route = <Path extends string, Given extends Contract<Path>>(needed: Needed, contract: Given) =>
  createRoute({ ...contract, ...closed(contract), ...guarded([needed].flat(), { viaSubprotocol: false }) });

/** The same for a route that opens a socket, where a key may come as a subprotocol. */
export const socketRoute = <Path extends string, Given extends Contract<Path>>(needed: Needed, contract: Given) =>
  createRoute({ ...contract, ...closed(contract), ...guarded([needed].flat(), { viaSubprotocol: true }) });

const NO_QUERY = z.strictObject({});

/**
 * A route without a query of its own refuses any, as bodies refuse unknown fields. A misspelt parameter must not pass
 * unnoticed.
 */
const closed = ({ request }: Pick<RouteConfig, "request">): object => ({ request: { query: NO_QUERY, ...request } });

/** The scope is checked first: a key that may not ask learns nothing about its body. */
const guarded = (scopes: readonly Scope[], allow: { readonly viaSubprotocol: boolean }) => ({
  security: scopes.map((scope) => ({ apiKey: [scope] })),
  middleware: [permitted(scopes, allow), limited, jsonOnly],
});

/** A router whose requests are parsed by their contracts; what does not fit is answered here. */
export const router = () =>
  new OpenAPIHono<HttpEnv>({
    defaultHook: (result, c) => {
      if (!result.success) return respond(c, misfit(result.target, result.error as z.ZodError, c.req.header("idempotency-key")));
    },
  });

/**
 * A path parameter that fits no name is answered with 404, since nothing can have that name. A missing Idempotency-Key has
 * a problem type of its own, because clients forget it most.
 */
function misfit(target: string, error: z.ZodError, idempotencyKey: string | undefined) {
  if (target === "param") return problem("not-found", "there is nothing of this name");
  const keyMissing = error.issues.some((issue) => issue.path[0] === "idempotency-key" && issue.code === "invalid_type");
  if (target === "header" && keyMissing)
    return problem("missing-idempotency-key", "send a header `Idempotency-Key` that names this submission");
  if (target === "header" && idempotencyKey?.includes(","))
    return problem("invalid-idempotency-key", "send one header `Idempotency-Key`, without a comma in it");
  return invalid(error, target === "json" ? [] : [target]);
}
