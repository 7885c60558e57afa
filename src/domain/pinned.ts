/** What the profile that an order was accepted under makes of the deployment's own settings. */
import { type Lanes, withOverrides } from "../contract/lanes.ts";
import type { OrderState } from "./order.ts";

/** The lanes with the retry and waiting times that the order was accepted under laid over them. */
export const lanesFor = ({ profile }: Pick<OrderState, "profile">, lanes: Lanes): Lanes =>
  profile?.lanes ? withOverrides(lanes, profile.lanes) : lanes;
