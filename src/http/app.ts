/** The HTTP face: what every request passes through, and which resource answers what. */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import { createMiddleware } from "hono/factory";
import { HTTPException } from "hono/http-exception";
import { OrderId } from "../contract/primitives.ts";
import { problem } from "../contract/problems.ts";
import { now } from "../platform/ambient.ts";
import { excerpt, log } from "../platform/log.ts";
import { authenticated } from "./authentication.ts";
import type { HttpEnv } from "./context.ts";
import { jsonOnly } from "./json-body.ts";
import { knownMethods } from "./methods.ts";
import { ops } from "./ops.ts";
import { orders } from "./orders/index.ts";
import { pathTemplateOf } from "./path-template.ts";
import { respond, unexpected } from "./problem.ts";
import { quarantine } from "./quarantine.ts";
import { stats } from "./stats.ts";
import { stock } from "./stock.ts";
import { tenants } from "./tenants.ts";
import { traceIdOf } from "./trace.ts";

/** A thousand lines with long descriptions fit; a batch of a hundred ordinary orders does, too. */
const MAX_BODY_BYTES = 1024 * 1024;

/** One line per request; a log line costs more than most of what it tells of. */
const logged = createMiddleware<HttpEnv>(async (c, next) => {
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

const limited = bodyLimit({
  maxSize: MAX_BODY_BYTES,
  onError: (c) => respond(c, problem("body-too-large", `a body has at most ${MAX_BODY_BYTES} bytes`, { maxBytes: MAX_BODY_BYTES })),
});

export const app = new OpenAPIHono<HttpEnv>();

app.use(logged);
app.use("/v1/*", authenticated, knownMethods(app), limited, jsonOnly);
app.route("/v1/orders", orders);
app.route("/v1/stock", stock);
app.route("/v1/stats", stats);
app.route("/v1/quarantine", quarantine);
app.route("/v1/ops", ops);
app.route("/v1/tenants", tenants);

app.use(knownMethods(app));
app.get("/healthz", (c) => c.json({ status: "ok" }));

app.openAPIRegistry.registerComponent("securitySchemes", "apiKey", { type: "http", scheme: "bearer", description: "An API key." });
app.doc31("/openapi.json", {
  openapi: "3.1.0",
  info: {
    title: "Orderline",
    version: "1",
    description: "Order processing at the edge. An order is never lost, never doubled, never silently stuck. Errors are RFC 9457 problems.",
    license: { name: "MIT", url: "https://spdx.org/licenses/MIT.html" },
  },
  servers: [{ url: "/" }],
});

app.notFound((c) => respond(c as Context, problem("not-found", "there is no such route; see /docs")));

app.onError((error, c) => {
  if (error instanceof HTTPException && error.status < 500)
    return respond(
      c,
      error.status === 400 ? problem("malformed-json", "the body is not JSON") : problem("invalid-request", excerpt(error.message)),
    );
  const told = unexpected(error, { trace: c.var.trace, path: pathTemplateOf(c) });
  return respond(c, told, told.status === 503 ? { "retry-after": "1" } : {});
});
