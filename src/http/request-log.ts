/** The line that each request leaves in the log. It holds ids, numbers and our own words, and nothing from the request's text. */
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { matchedRoutes } from "hono/route";
import { OrderId } from "../contract/primitives.ts";
import { now } from "../platform/ambient.ts";
import { log } from "../platform/log.ts";
import type { HttpEnv } from "./context.ts";
import { traceIdOf } from "./trace.ts";

/** Logs one line per request, when it is answered. Handlers add to the line with `c.var.event` and `c.var.about`. */
export const logged = createMiddleware<HttpEnv>(async (c, next) => {
  const startedAt = now();
  c.set("trace", traceIdOf(c.req.raw.headers));
  await next();
  log.info(c.var.event ?? "http.request", {
    orderId: OrderId.safeParse(c.req.param("id")).data,
    ...c.var.about,
    method: c.req.method,
    path: pathTemplateOf(c),
    status: c.res.status,
    durationMs: now() - startedAt,
    tenant: c.var.caller?.tenant,
    trace: c.var.trace,
  });
});

const UNKNOWN_PATH = "(unknown)";

/**
 * The template of the route that answers, such as `/v1/orders/{id}`. The path as sent may hold anything, such as a person's
 * address.
 */
export function pathTemplateOf(c: Context): string {
  const route = matchedRoutes(c).findLast(({ path }) => !path.endsWith("*"));
  return route?.path.replaceAll(/:(\w+)/g, "{$1}") ?? UNKNOWN_PATH;
}
