/** Stock over HTTP: what there is of a SKU, what came in, and what a person corrected. */
import { z } from "zod";
import { Instant, Reason } from "./primitives.ts";

/** More than any warehouse holds of one thing, and small enough that sums stay exact. */
const MAX_QUANTITY = 1_000_000_000;

/** Adjustments of a SKU that are shown at a time, the newest. */
export const MAX_ADJUSTMENTS = 200;

export const StockView = z
  .object({
    sku: z.string(),
    tracked: z.boolean().meta({ description: "False: never stocked, made to order, always available." }),
    onHand: z.int(),
    available: z.int(),
    reserved: z.int(),
  })
  .meta({ id: "Stock" });
export type StockView = z.infer<typeof StockView>;

export const ReceiveStock = z.strictObject({ quantity: z.int().min(1).max(MAX_QUANTITY) }).meta({ id: "ReceiveStock" });

export const AdjustStock = z
  .strictObject({
    quantity: z
      .int()
      .min(-MAX_QUANTITY)
      .max(MAX_QUANTITY)
      .refine((quantity) => quantity !== 0, "must not be 0")
      .meta({ description: "What is there in excess of what was written; negative when goods are missing.", example: -2 }),
    reason: Reason,
  })
  .meta({ id: "AdjustStock" });

export const StockAdjustments = z
  .object({
    adjustments: z
      .array(
        z
          .object({
            adjustmentId: z.string().meta({ description: "The Idempotency-Key that it was sent under." }),
            quantity: z.int(),
            reason: z.string(),
            by: z.string(),
            at: Instant,
          })
          .meta({ id: "StockAdjustment" }),
      )
      .meta({ description: `The newest ${MAX_ADJUSTMENTS}, newest first.` }),
  })
  .meta({ id: "StockAdjustments" });
