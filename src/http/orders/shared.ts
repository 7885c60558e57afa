/** What the routes of orders share. */

import { z } from "zod";
import { orderActor } from "../../actors/addresses.ts";
import type { PlacedOrder } from "../../contract/events.ts";
import type { Hint } from "../../contract/messages.ts";
import type { Priority } from "../../contract/order.ts";
import { OrderId } from "../../contract/primitives.ts";
import type { Call } from "../context.ts";

/** The detail of a 404. It is the same for an order of another tenant, so that nobody learns of its existence. */
export const NO_ORDER = "no such order";

/** The path parameter that names an order. */
export const byId = z.object({ id: OrderId });

/** The actor of an order. The actor itself checks whose order it is. */
export const actor = (c: Call, id: string) => orderActor(c.env, id);

/** The hint that makes a consumer of the lane advance the order. */
export const hintOf = ({ orderId, tenant, trace }: Pick<PlacedOrder, "orderId" | "tenant" | "trace">, priority: Priority): Hint => ({
  orderId,
  priority,
  tenant,
  ...(trace && { trace }),
});
