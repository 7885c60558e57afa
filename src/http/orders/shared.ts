/** What the routes of orders share: how an order is named, reached and hinted at. */
import type { Context } from "hono";
import { z } from "zod";
import type { PlacedOrder } from "../../contract/events.ts";
import type { Hint } from "../../contract/messages.ts";
import type { Priority } from "../../contract/order.ts";
import { OrderId } from "../../contract/primitives.ts";
import type { AuthEnv } from "../keys.ts";

export const NO_ORDER = "no such order";

export const byId = z.object({ id: OrderId });

export const actor = (c: Context<AuthEnv>, id: string) => c.env.ORDERS.getByName(id);

export const hintOf = ({ orderId, trace }: PlacedOrder, priority: Priority): Hint => ({ orderId, priority, ...(trace && { trace }) });
