/** The line that each request leaves in the log. It holds ids, numbers and our own words, and nothing that the request said. */
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { matchedRoutes } from "hono/route";
import { OrderId } from "../contract/primitives.ts";
import { now } from "../platform/ambient.ts";
import { log } from "../platform/log.ts";
import type { HttpEnv } from "./context.ts";
import { traceIdOf } from "./trace.ts";

/** One line per request; a log line costs more than most of what it tells of. */
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

/** The path of the route that answers, such as `/v1/orders/{id}`. The path that was sent may hold anything, an address of a person for one. */
export function pathTemplateOf(c: Context): string {
  const route = matchedRoutes(c).findLast(({ path }) => !path.endsWith("*"));
  return route?.path.replaceAll(/:(\w+)/g, "{$1}") ?? UNKNOWN_PATH;
}
