/** The HTTP face: what every request passes through, and which resource answers what. */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { problem } from "../contract/problems.ts";
import { excerpt } from "../platform/log.ts";
import { authenticated } from "./authentication.ts";
import type { HttpEnv } from "./context.ts";
import { knownMethods } from "./methods.ts";
import { ops } from "./ops.ts";
import { orders } from "./orders/index.ts";
import { respond, unexpected } from "./problem.ts";
import { quarantine } from "./quarantine.ts";
import { logged, pathTemplateOf } from "./request-log.ts";
import { stats } from "./stats.ts";
import { stock } from "./stock.ts";
import { tenants } from "./tenants.ts";

/** The Worker's HTTP app: all routes, and the OpenAPI document that describes them. */
export const app = new OpenAPIHono<HttpEnv>();

app.use(logged);
app.use("/v1/*", authenticated, knownMethods(app));
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
