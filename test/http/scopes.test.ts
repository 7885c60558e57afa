/** Which scope opens what, written down a second time. That each route asks for what it says is shown in `authentication.workerd.test.ts`. */
import { expect, it } from "vitest";
import { app } from "../../src/http/app.ts";

const SCOPES: Readonly<Record<string, readonly string[]>> = {
  "orders:read": [
    "get /v1/orders",
    "get /v1/orders/{id}",
    "get /v1/orders/{id}/diagnosis",
    "get /v1/orders/{id}/events",
    "get /v1/quarantine",
    "get /v1/stats",
    "get /v1/stats/live",
    "get /v1/stock/{sku}",
    "get /v1/stock/{sku}/adjustments",
  ],
  "orders:write": [
    "post /v1/orders",
    "post /v1/orders/batch",
    "post /v1/orders/{id}/cancel",
    "post /v1/orders/{id}/expedite",
    "post /v1/orders/{id}/stage",
  ],
  ops: [
    "get /v1/ops/attention",
    "get /v1/ops/providers",
    "get /v1/quarantine/redrives/{id}",
    "post /v1/ops/providers/{provider}/pause",
    "post /v1/ops/providers/{provider}/resume",
    "post /v1/ops/reconcile",
    "post /v1/ops/sweep",
    "post /v1/orders/{id}/approve",
    "post /v1/orders/{id}/correct",
    "post /v1/orders/{id}/redrive",
    "post /v1/orders/{id}/reject",
    "post /v1/quarantine/preview",
    "post /v1/quarantine/redrive",
    "post /v1/quarantine/redrives/{id}/stop",
    "post /v1/stock/{sku}/adjustments",
    "post /v1/stock/{sku}/receipts",
  ],
  "ops or platform": ["get /v1/tenants/{tenant}"],
  platform: ["get /v1/tenants/{tenant}/versions", "get /v1/tenants/{tenant}/versions/{version}", "put /v1/tenants/{tenant}"],
};

interface Operation {
  /** Alternatives, one scope each. */
  readonly security: readonly Record<string, readonly string[]>[];
}

it("A key opens what its scope is for: who writes orders redrives none, and who operates them changes no tenant's profile", () => {
  const { paths } = app.getOpenAPI31Document({ openapi: "3.1.0", info: { title: "Orderline", version: "1" } });
  const routes = Object.entries(paths ?? {}).flatMap(([path, operations]) =>
    Object.entries(operations as Record<string, Operation>).map(([method, { security }]) => ({
      route: `${method} ${path}`,
      scopes: security.flatMap(({ apiKey = [] }) => apiKey).join(" or "),
    })),
  );
  const byScope = Map.groupBy(routes, ({ scopes }) => scopes);
  expect(Object.fromEntries([...byScope].map(([scopes, own]) => [scopes, own.map(({ route }) => route).sort()]))).toEqual(SCOPES);
});
