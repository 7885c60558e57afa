/** Tells a wrong method at a path that exists (405) apart from a path that does not exist (404). */
import { createMiddleware } from "hono/factory";
import { matchedRoutes } from "hono/route";
import { problem } from "../contract/problems.ts";
import type { HttpEnv } from "./context.ts";
import { respond } from "./problem.ts";

interface Registered {
  readonly method: string;
  readonly path: string;
}

/** The method of what is registered by `use`. Middleware answers nothing by itself. */
const ANY = "ALL";

/** The methods that are registered for a path. HEAD comes with GET. */
function methodsAt(path: string, registered: readonly Registered[]): string[] {
  const found = registered.filter((route) => route.method !== ANY && patternOf(route.path).test(path)).map(({ method }) => method);
  return [...new Set(found.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method])))].sort();
}

/** Matches the paths of a route such as `/v1/orders/:id`. */
const patternOf = (path: string): RegExp => new RegExp(`^${path.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll(/:\w+/g, "[^/]+")}$`);

/**
 * Answers 405 with `Allow` when the path has other methods than the one it is asked with. The patterns are only looked
 * through when the router has found no route.
 * @param app whose routes are read with each such request, since they are registered after its middleware
 */
export const knownMethods = (app: { readonly routes: readonly Registered[] }) =>
  createMiddleware<HttpEnv>(async (c, next) => {
    if (matchedRoutes(c).some(({ method }) => method !== ANY)) return next();
    const allowed = methodsAt(c.req.path, app.routes);
    if (allowed.length === 0) return next();
    return respond(c, problem("method-not-allowed", `this route has ${allowed.join(", ")}`, { allowed }), { allow: allowed.join(", ") });
  });
