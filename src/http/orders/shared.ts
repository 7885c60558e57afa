/** What the routes of orders share: how an order is named, reached and hinted at. */

import { z } from "zod";
import { orderActor } from "../../actors/addresses.ts";
import type { PlacedOrder } from "../../contract/events.ts";
import type { Hint } from "../../contract/messages.ts";
import type { Priority } from "../../contract/order.ts";
import { OrderId } from "../../contract/primitives.ts";
import type { Call } from "../context.ts";

export const NO_ORDER = "no such order";

export const byId = z.object({ id: OrderId });

export const actor = (c: Call, id: string) => orderActor(c.env, id);

export const hintOf = ({ orderId, trace }: Pick<PlacedOrder, "orderId" | "trace">, priority: Priority): Hint => ({
  orderId,
  priority,
  ...(trace && { trace }),
});
