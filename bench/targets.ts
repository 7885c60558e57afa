/** Where the two servers take orders, and what they want to see. */
import { DEVELOPMENT_KEY } from "../scripts/dev-key.ts";
import type { Server } from "../scripts/server.ts";
import type { Target } from "./load.ts";

/** The bare Worker reads no key; it is sent one all the same, so that both are sent the same bytes. */
const HEADERS = { authorization: `Bearer ${DEVELOPMENT_KEY}` };

export const orderlineTarget = ({ url }: Server): Target => ({ url: `${url}/v1/orders`, headers: HEADERS });

/** It has one route, whatever the path. */
export const bareTarget = orderlineTarget;
