/** The quarantine over HTTP: the parked orders by cause, the preview of a redrive, and the job that redrives them. */
import { z } from "zod";
import { CauseClass, Priority, Step } from "./order.ts";
import { Count, Instant, OrderId, Reason, text } from "./primitives.ts";

/** Groups shown, the largest first. More causes than this at one time are one cause whose details differ in every order. */
export const MAX_GROUPS = 50;

/** Orders of a group that are named as samples. */
export const SAMPLE_IDS = 3;

/** Orders that a preview describes. Each costs a request to its actor. */
export const MAX_PREVIEWED = 100;

/** Order ids in one filter. */
export const MAX_FILTER_IDS = 1_000;

/** Orders of one job. At 10 a second they take a quarter of an hour. Orders beyond them wait for the next job. */
export const MAX_REDRIVEN = 10_000;

/** The most that a provider should get on top of its normal load when it has just recovered. */
export const MAX_RATE_PER_SECOND = 100;

/** Longer than any text that `causeFingerprintOf` makes. */
const MAX_CAUSE_FINGERPRINT = 200;

/** `rdr_` and 26 base32 digits, derived from the tenant and the Idempotency-Key. */
export const RedriveId = z
  .string()
  .regex(/^rdr_[0-9a-hjkmnp-tv-z]{26}$/, "must be the id of a redrive: rdr_ and 26 lower-case base32 digits")
  .meta({ example: "rdr_1x3q8n5v0c7k2m9p4r6t8w0y2b" });

export const QuarantineGroup = z
  .object({
    causeFingerprint: z
      .string()
      .meta({ description: "What the causes have in common; the filter of a redrive.", example: "poison authorize: answered 400" }),
    causeClass: CauseClass,
    step: Step.nullable(),
    orders: Count,
    oldestAt: Instant.meta({ description: "When the oldest order of the group was placed." }),
    newestAt: Instant,
    sampleIds: z.array(OrderId).max(SAMPLE_IDS).meta({ description: "The oldest ones." }),
  })
  .meta({ id: "QuarantineGroup" });
export type QuarantineGroup = z.infer<typeof QuarantineGroup>;

export const QuarantineList = z
  .object({
    groups: z.array(QuarantineGroup).meta({ description: `The largest ${MAX_GROUPS}, largest first.` }),
    groupsOmitted: Count,
    total: Count.meta({ description: "All parked orders." }),
  })
  .meta({ id: "Quarantine" });

/** Selects the parked orders that fit all of the given fields. */
export const QuarantineFilter = z
  .strictObject({
    causeFingerprint: text(MAX_CAUSE_FINGERPRINT).optional(),
    causeClass: CauseClass.optional(),
    orderIds: z.array(OrderId).min(1).max(MAX_FILTER_IDS).optional(),
  })
  .refine((filter) => Object.values(filter).some((value) => value !== undefined), "name a causeFingerprint, a causeClass or orderIds")
  .meta({ id: "QuarantineFilter" });
export type QuarantineFilter = z.infer<typeof QuarantineFilter>;

export const PreviewRedrive = z.strictObject({ filter: QuarantineFilter }).meta({ id: "PreviewRedrive" });

export const RedrivePreviewView = z
  .object({
    total: Count.meta({ description: `Parked orders that fit the filter, at most ${MAX_REDRIVEN}.` }),
    truncated: z.boolean().meta({ description: "More fit than one job takes." }),
    orders: z
      .array(
        z.object({
          id: OrderId,
          priority: Priority,
          causeFingerprint: z.string(),
          done: z
            .array(z.object({ step: Step, reference: z.string().nullable() }))
            .meta({ description: "Effects that have happened and will be skipped." }),
          willRun: z.array(Step).meta({ description: "What will be called, in this order, as long as each succeeds." }),
          undoing: z.boolean().meta({ description: "The order is being undone; it ends cancelled or failed." }),
        }),
      )
      .max(MAX_PREVIEWED)
      .meta({ description: `The first ${MAX_PREVIEWED}, without those that are no longer parked.` }),
  })
  .meta({ id: "RedrivePreview" });

const share = z.number().min(0).max(1);

export const StartRedrive = z
  .strictObject({
    filter: QuarantineFilter,
    ratePerSecond: z.int().min(1).max(MAX_RATE_PER_SECOND),
    canaryShare: share
      .default(0.05)
      .meta({ description: "Share of the orders that go first, at least one; the rest waits for how they fare." }),
    stopAtFailureShare: share
      .default(0.2)
      .meta({ description: "The job stops when more than this share are parked again; 1 never stops it." }),
    reason: Reason.optional().meta({ description: "Why; goes into the journal of every order." }),
  })
  .meta({ id: "StartRedrive" });
export type StartRedrive = z.infer<typeof StartRedrive>;

/** `canary`: a few orders go first. `stopped`: too many were parked again, or a person said so. */
export const RedriveState = z.enum(["canary", "releasing", "finished", "stopped"]);
export type RedriveState = z.infer<typeof RedriveState>;

export const RedriveJobView = z
  .object({
    id: RedriveId,
    state: RedriveState,
    endedBecause: z.string().nullable().meta({ description: "Why it ended as it did." }),
    total: Count.meta({ description: "pending + skipped + released." }),
    truncated: z.boolean().meta({ description: `More than ${MAX_REDRIVEN} orders fit the filter; the others are still parked.` }),
    pending: Count.meta({ description: "Not released; when the job has ended, still parked." }),
    skipped: Count.meta({ description: "No longer parked when their turn came." }),
    released: Count.meta({ description: "underWay + succeeded + failed." }),
    underWay: Count,
    succeeded: Count.meta({ description: "Carried on to where nothing technical holds them." }),
    failed: Count.meta({ description: "Parked again, or not to be reached." }),
    failedIds: z.array(OrderId).meta({ description: "Some of those." }),
    ratePerSecond: z.int(),
    canaryShare: z.number(),
    stopAtFailureShare: z.number(),
    reason: z.string().nullable().meta({ description: "Why it was started." }),
    startedBy: z.string(),
    startedAt: Instant,
    endedAt: Instant.nullable(),
    links: z.object({ self: z.string(), stop: z.string() }),
  })
  .meta({ id: "RedriveJob" });
export type RedriveJobView = z.infer<typeof RedriveJobView>;
