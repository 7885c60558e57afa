/** The reconciliation over HTTP: the period to compare with the journals, and the differences found. */
import { z } from "zod";
import { ProviderName } from "./order.ts";
import { Count, Cursor, OrderId } from "./primitives.ts";

/** Orders of one page. Each costs a request to its actor, one per tracked SKU, and one per provider that keeps a ledger. */
export const MAX_RECONCILED = 200;

export const Reconcile = z
  .strictObject({
    from: z.iso.datetime({ offset: true }).meta({ description: "Placed at or after." }),
    to: z.iso.datetime({ offset: true }).meta({ description: "Placed before." }),
    repair: z.boolean().default(false).meta({ description: "Put history and counters right. Providers and stock are never touched." }),
    cursor: Cursor.optional(),
    limit: z.int().min(1).max(MAX_RECONCILED).default(100),
  })
  .refine(({ from, to }) => Date.parse(from) < Date.parse(to), { path: ["to"], message: "must be after `from`" })
  .meta({ id: "Reconcile" });
export type Reconcile = z.infer<typeof Reconcile>;

/** The part of the system that differs from the order's journal. */
export const Subject = z.enum(["history", "counters", ...ProviderName.options]);
export type Subject = z.infer<typeof Subject>;

export const Difference = z
  .object({
    orderId: OrderId,
    law: z.union([z.literal(2), z.literal(3), z.literal(4)]).meta({
      description: "2: at most one effect per step, and money as owed. 3: stock. 4: history and counters equal the journals.",
    }),
    subject: Subject,
    what: z.string().meta({ description: "One plain sentence." }),
    expected: z.unknown().meta({ description: "What the journal says, where it differs." }),
    found: z.unknown(),
    repaired: z.boolean(),
  })
  .meta({ id: "Difference" });
export type Difference = z.infer<typeof Difference>;

export const Reconciliation = z
  .object({
    checked: Count.meta({ description: "Orders that were compared." }),
    unreachable: Count.meta({ description: "Orders whose actor did not answer; they were not compared." }),
    differences: z.array(Difference),
    unsupported: z.array(ProviderName).meta({ description: "Providers that keep no ledger to compare with." }),
    unanswered: z.array(ProviderName).meta({ description: "Providers that did not answer, or are not to be called now." }),
    nextCursor: z.string().nullable().meta({ description: "Send it as `cursor` with the same period; null when all was compared." }),
  })
  .meta({ id: "Reconciliation" });
export type Reconciliation = z.infer<typeof Reconciliation>;
