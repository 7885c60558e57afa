/** What an operator is shown: what needs a person now, the providers' breakers, and what a sweep found. */
import { z } from "zod";
import { BreakerStateName } from "./breaker.ts";
import { ProviderName } from "./order.ts";
import { Count, Instant, OrderId } from "./primitives.ts";

/** `critical`: money or goods may be wrong, or only a person can help. `high`: orders wait. `normal`: a person should look today. */
export const Severity = z.enum(["critical", "high", "normal"]);
export type Severity = z.infer<typeof Severity>;

export const AttentionKind = z.enum(["quarantined", "held", "stage_overran", "provider", "dead_letters"]);
export type AttentionKind = z.infer<typeof AttentionKind>;

export const AttentionItem = z
  .object({
    kind: AttentionKind,
    severity: Severity,
    since: Instant.meta({ description: "Of orders: when the oldest was placed." }),
    count: Count.meta({ description: "Orders or messages; counted up to 10,000." }),
    what: z.string().meta({ description: "One plain sentence." }),
    orderIds: z.array(OrderId).meta({ description: "A few of them, the oldest first." }),
    do: z
      .array(
        z.object({
          what: z.string(),
          method: z.enum(["GET", "POST"]),
          path: z.string(),
          body: z.record(z.string(), z.unknown()).optional(),
        }),
      )
      .meta({ description: "What a person can do, as requests." }),
  })
  .meta({ id: "AttentionItem" });
export type AttentionItem = z.infer<typeof AttentionItem>;

export const AttentionList = z
  .object({
    at: Instant,
    items: z.array(AttentionItem).meta({ description: "Worst first." }),
    incomplete: z.boolean().meta({ description: "Some that would know did not answer." }),
    unanswered: z.array(z.string()).meta({ description: "Which: `history`, or a provider's breaker." }),
  })
  .meta({ id: "AttentionList" });
export type AttentionList = z.infer<typeof AttentionList>;

export const ProviderView = z
  .object({
    provider: ProviderName,
    shared: z.boolean().meta({
      description:
        "Other tenants call the same account. What their orders met and what their people said is then shown to keys with the scope `platform` only.",
    }),
    state: BreakerStateName.meta({
      description: "Only `closed` lets calls pass. `open` and `half_open` end by themselves, `paused` when a person resumes it.",
    }),
    since: Instant.nullable(),
    lastFailure: z.string().nullable().meta({ description: "Of the call that opened it." }),
    by: z.string().nullable().meta({ description: "The name of the key that paused it, or resumed it last." }),
    reason: z.string().nullable().meta({ description: "Why, in that person's words." }),
    nextProbeAt: Instant.nullable().meta({ description: "When orders are sent to try the provider out." }),
    waiting: Count.nullable().meta({ description: "Orders that wait for it." }),
  })
  .meta({ id: "Provider" });
export type ProviderView = z.infer<typeof ProviderView>;

export const ProviderList = z.object({ providers: z.array(ProviderView) }).meta({ id: "ProviderList" });

export const SweepReport = z
  .object({
    checked: Count,
    healthy: Count.meta({ description: "They wait for something that will come." }),
    stuck: Count.meta({ description: "They could go no further; their alarm, armed for now, parks them in front of a person." }),
    alarmLost: Count.meta({ description: "Their alarm was gone or overdue; it is armed again." }),
    historyBehind: Count.meta({ description: "The history had missed a change; it was published again." }),
    unreachable: Count,
    durationMs: Count,
  })
  .meta({ id: "SweepReport" });
export type SweepReport = z.infer<typeof SweepReport>;
