/**
 * A tenant's own world: who it is, whom its orders call, how they are retried, screened and followed. A part that is left
 * out is as the deployment has it. What is stored is immutable and outlives the code: bounds below may be widened, never narrowed.
 */
import { z } from "zod";
import { LaneOverride, Priority } from "./lanes.ts";
import { ProviderName, StageName, TrackName } from "./order.ts";
import { Amount, Currency, Instant, Millis, Tenant, text } from "./primitives.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

/** A call is listened to for a minute and then abandoned, see `providers/bounded.ts`; below a tenth of a second nothing answers. */
const TIMEOUT_MS = { least: 100, most: 60 * SECOND };

/** An address is a line of a table, a log and a header; 500 characters hold any that a person can still check. */
const MAX_URL = 500;

/** The longest that anything physical may take in one stage: a quarter of a year, as for goods by sea. */
const MAX_BUDGET_MS = 90 * DAY;

/** Far more than any business was seen to have; a pinned track is part of every order's first journal row. */
const MAX_STAGES = 30;
const MAX_TRACKS = 20;

/** ISO 4217 has fewer than 200 codes in use. */
const MAX_CURRENCIES = 200;

/** Of this machine, where `http:` is as good as `https:`. */
const LOOPBACK: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** What is wrong with a provider's address, in words; null when nothing is. */
function flawOf(address: string): string | null {
  const url = URL.parse(address);
  if (url === null) return "must be an absolute URL such as https://payments.example.com/orderline";
  if (url.protocol !== "https:" && !(url.protocol === "http:" && LOOPBACK.has(url.hostname))) return "must begin with https://";
  if (url.username !== "" || url.password !== "") return "must hold no user name and no password; name a secret instead";
  if (url.hash !== "" || address.includes("#")) return "must have no fragment";
  if (url.search !== "" || address.includes("?")) return "must have no query: the operation is appended to its path";
  return null;
}

/** Base address of a provider; the name of the operation is appended as one more path segment. */
export const ProviderUrl = z
  .string()
  .max(MAX_URL, `must have at most ${MAX_URL} characters`)
  .superRefine((address, context) => {
    const flaw = flawOf(address);
    if (flaw) context.addIssue({ code: "custom", message: flaw });
  })
  .meta({
    description: "https only; http for an address of this machine in development.",
    example: "https://payments.example.com/orderline",
  });

/** The prefix keeps every other binding of the deployment out of reach: a profile can send nothing else to a provider. */
export const SecretName = z
  .string()
  .regex(/^PROVIDER_TOKEN_[A-Z0-9_]{1,48}$/, "must be the name of a secret: PROVIDER_TOKEN_ and up to 48 capitals, digits or underscores")
  .meta({ description: "Name of a secret of the deployment; its value is sent as a bearer token.", example: "PROVIDER_TOKEN_ACME_PAY" });

/** When calls of a provider are stopped because they fail; what is left out is as in `domain/breaker.ts`. */
export const BreakerSettings = z
  .strictObject({
    tripAfter: z
      .int()
      .min(1, "must be at least 1 order")
      .max(1_000, "must be at most 1000 orders: a breaker that needs more protects nobody")
      .meta({ description: "Distinct orders that must fail in a row." }),
    withinMs: z
      .int()
      .min(SECOND, "must be at least a second (1000)")
      .max(10 * MINUTE, "must be at most ten minutes (600000): older failures say nothing about now"),
    sharedAs: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be 1 to 63 lower-case letters, digits or hyphens")
      .meta({ description: "Tenants that name the same breaker stop and go on together, because one account serves them all." }),
  })
  .partial();
export type BreakerSettings = z.infer<typeof BreakerSettings>;

const breaker = BreakerSettings.optional();

/** Who carries out a port. `deployment`: whoever the deployment's variables name, and the embedded one when they name nobody. */
export const ProviderChoice = z
  .discriminatedUnion("adapter", [
    z.strictObject({ adapter: z.literal("deployment"), breaker }),
    z.strictObject({ adapter: z.literal("embedded"), breaker }),
    z.strictObject({
      adapter: z.literal("http"),
      url: ProviderUrl,
      secret: SecretName.optional(),
      timeoutMs: z
        .int()
        .min(TIMEOUT_MS.least, `must be at least ${TIMEOUT_MS.least} ms`)
        .max(TIMEOUT_MS.most, `must be at most ${TIMEOUT_MS.most} ms: nobody listens for longer`)
        .optional(),
      breaker,
    }),
  ])
  .meta({ id: "ProviderChoice" });
export type ProviderChoice = z.infer<typeof ProviderChoice>;

/** Capacity and pressure are of the lane's queue, which all tenants share, so they are no tenant's to set. */
const TenantLane = LaneOverride.omit({ capacity: true, fullAfterMs: true });

const Budget = z.int().min(0).max(MAX_BUDGET_MS, `must be at most 90 days (${MAX_BUDGET_MS})`);

export const Stage = z.strictObject({
  name: StageName,
  budgetMs: Budget.meta({ description: "How long an order may stay in the stage before a person is told; of the last one, nothing." }),
});
export type Stage = z.infer<typeof Stage>;

/** What happens to an order after it is confirmed. */
export const Track = z.strictObject({
  firstStageWithinMs: Budget.meta({ description: "How long a confirmed order may wait for its first stage." }),
  stages: z
    .array(Stage)
    .min(1, "must have a stage: the last one ends the order")
    .max(MAX_STAGES, `must have at most ${MAX_STAGES} stages`)
    .superRefine((stages, context) => {
      for (const [index, { name }] of stages.entries()) {
        if (stages.findIndex((stage) => stage.name === name) < index)
          context.addIssue({ code: "custom", path: [index, "name"], message: `there is a stage ${name} in this track already` });
      }
    }),
});
export type Track = z.infer<typeof Track>;

export const RiskLimit = z.strictObject({
  reviewFrom: Amount.min(1).meta({ description: "Total from which a person looks at an order, in minor units." }),
  foreignCardFrom: Amount.min(0).meta({ description: "The same for a card that was issued in another country than the goods go to." }),
});

/** A customer's remembered orders are one row of bounded size, see `VelocityActor`. */
const MAX_VELOCITY = 500;

export const RiskProfile = z
  .strictObject({
    velocityMax: z
      .int()
      .min(1)
      .max(MAX_VELOCITY, `must be at most ${MAX_VELOCITY} orders`)
      .meta({ description: "Orders of one customer within the window that are normal." }),
    velocityWindowMs: z.int().min(MINUTE, "must be at least a minute (60000)").max(DAY, `must be at most a day (${DAY})`),
    limits: z.record(Currency, RiskLimit).meta({ description: "Limits by currency." }),
    otherwise: RiskLimit.meta({ description: "Limits of every other currency." }),
  })
  .partial();
export type RiskProfile = z.infer<typeof RiskProfile>;

const named = <Name extends string, Value extends z.ZodType>(names: readonly Name[], value: Value) =>
  z.strictObject(Object.fromEntries(names.map((name) => [name, value.optional()])) as Record<Name, z.ZodOptional<Value>>, {
    error: ({ code }) => (code === "unrecognized_keys" ? `is not a known field: there are ${names.join(", ")}` : undefined),
  });

const Providers = named(ProviderName.options, ProviderChoice);
const TenantLanes = named(Priority.options, TenantLane);

export const TenantProfile = z
  .strictObject({
    displayName: text(100).meta({ description: "How customers know the tenant; shown beside the sender.", example: "Ada's Bakery" }),
    sender: z
      .email("must be a mail address")
      .max(254)
      .meta({ description: "Sends the confirmations; the account must be allowed to use its domain." }),
    providers: Providers,
    lanes: TenantLanes.meta({ description: "Retry and waiting times, laid over the deployment's." }),
    risk: RiskProfile,
    tracks: z
      .record(TrackName, Track)
      .superRefine((tracks, context) => {
        const count = Object.keys(tracks).length;
        if (count === 0) context.addIssue({ code: "custom", message: "must name a track" });
        if (count > MAX_TRACKS) context.addIssue({ code: "custom", message: `must name at most ${MAX_TRACKS} tracks` });
      })
      .meta({ description: "In place of the embedded ones. The first is the track of orders that name none." }),
    currencies: z
      .array(Currency)
      .min(1, "must name a currency; leave it out to accept all")
      .max(MAX_CURRENCIES)
      .meta({ description: "Accepted ones; left out: all." }),
  })
  .partial()
  .meta({ id: "TenantProfile" });
export type TenantProfile = z.infer<typeof TenantProfile>;

/** The value in `PROFILES` under the tenant's name. Version 0 is never stored: it is the embedded default. */
export const StoredProfile = z.strictObject({ version: z.int().positive(), profile: TenantProfile });
export type StoredProfile = z.infer<typeof StoredProfile>;

/** A tenant's profile with its version; 0 and nothing in it when none was ever put. */
export interface VersionedProfile {
  readonly version: number;
  readonly profile: TenantProfile;
}

/** What of a profile goes with an order to its end: kept by value in its journal, so that a later version never reaches it. */
export const PinnedProfile = z.object({
  version: z.int().positive(),
  ...TenantProfile.pick({ displayName: true, sender: true, providers: true, lanes: true, risk: true }).shape,
  /** The order's own track, when the profile has tracks of its own. */
  track: Track.optional(),
});
export type PinnedProfile = z.infer<typeof PinnedProfile>;

const Version = z.int().nonnegative();

export const PutProfile = z.strictObject({ profile: TenantProfile, reason: text(500) }).meta({ id: "PutTenantProfile" });

export const TenantView = z
  .object({
    tenant: Tenant,
    version: Version.meta({ description: "0: none was ever put, and everything is as the deployment has it." }),
    profile: TenantProfile,
    at: Instant.nullable().meta({ description: "When this version was put." }),
    by: z.string().nullable(),
    reason: z.string().nullable(),
  })
  .meta({ id: "Tenant" });
export type TenantView = z.infer<typeof TenantView>;

export const TenantVersions = z
  .object({
    versions: z
      .array(z.object({ version: Version, at: Instant, by: z.string(), reason: z.string() }))
      .meta({ description: "Newest first." }),
    nextBefore: Version.nullable().meta({ description: "Ask again with `before` of this for older ones; null: there are none." }),
  })
  .meta({ id: "TenantVersions" });
export type TenantVersions = z.infer<typeof TenantVersions>;

/** One version as the tenant's actor keeps it; `at` in milliseconds. */
export const ProfileVersion = z.object({ version: Version, at: Millis, by: z.string(), reason: z.string(), profile: TenantProfile });
export type ProfileVersion = z.infer<typeof ProfileVersion>;
