/** What the history shows of an order, in workerd. */
import { env } from "cloudflare:workers";

/** Its version, however the order is found; null when the history has no row of it. */
export const shownVersion = (orderId: string): Promise<number | null> =>
  env.HISTORY.prepare("SELECT max(version) AS version FROM orders WHERE order_id = ?").bind(orderId).first<number>("version");
