/** A request's path as the log may hold it. */
import type { Context } from "hono";
import { routePath } from "hono/route";

/**
 * The route's own path, such as `/v1/orders/{id}`, since whoever calls may put anything into the path that was sent, an
 * address of a person for one. What is no route is told by the longest prefix that all of them share, such as `/v1/*`.
 */
export const pathTemplateOf = (c: Context): string => routePath(c, -1).replaceAll(/:(\w+)/g, "{$1}");
