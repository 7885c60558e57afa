/**
 * What a tenant's profile means for an order that is placed under it: which track it takes, whether its currency is
 * accepted, and what of the profile goes with it to its end. Pure; nothing here looks a profile up.
 */

import type { FieldError } from "../contract/problems.ts";
import type { PinnedProfile, TenantProfile, VersionedProfile } from "../contract/profile.ts";
import { TRACKS } from "../domain/tracks.ts";

/** The profile of a tenant that never put one: everything is as the deployment has it. */
export const DEFAULT_PROFILE: VersionedProfile = { version: 0, profile: {} };

/** The track of an admitted order with what it pins of the profile, or what the profile does not allow. */
export type Admitted =
  | { readonly track: string; readonly profile: PinnedProfile | undefined }
  | { readonly errors: readonly [FieldError, ...FieldError[]] };

/** Whether a profile admits an order. An order that names no track takes the first. */
export function admit(versioned: VersionedProfile, order: { readonly track?: string | undefined; readonly currency: string }): Admitted {
  const { tracks = TRACKS, currencies } = versioned.profile;
  const names = Object.keys(tracks);
  const track = order.track ?? (names[0] as string);
  const errors = [
    ...(names.includes(track) ? [] : [{ pointer: "/track", detail: `is not a track of this tenant: there ${among(names)}` }]),
    ...(currencies === undefined || currencies.includes(order.currency)
      ? []
      : [{ pointer: "/currency", detail: `is not accepted by this tenant: it takes ${currencies.join(", ")}` }]),
  ];
  const [first, ...more] = errors;
  return first ? { errors: [first, ...more] } : { track, profile: pin(versioned, track, order.currency) };
}

/**
 * The parts of the profile that the order needs later. Undefined for the default profile, so that its orders spend no byte
 * of their journals on it.
 */
function pin({ version, profile }: VersionedProfile, track: string, currency: string): PinnedProfile | undefined {
  if (version === 0) return undefined;
  const { displayName, sender, providers, lanes, risk, tracks } = profile;
  return {
    version,
    ...(displayName !== undefined && { displayName }),
    ...(sender !== undefined && { sender }),
    ...(providers && { providers }),
    ...(lanes && { lanes }),
    ...(risk && { risk: riskIn(risk, currency) }),
    ...(tracks && { track: tracks[track] }),
  };
}

/** Of the limits only those of the order's own currency are pinned. */
function riskIn({ limits, ...rest }: NonNullable<TenantProfile["risk"]>, currency: string): NonNullable<TenantProfile["risk"]> {
  const own = limits?.[currency];
  return { ...rest, ...(own && { limits: { [currency]: own } }) };
}

const among = (names: readonly string[]) => (names.length === 1 ? `is only ${names[0]}` : `are ${names.join(", ")}`);

/** What a profile may refer to in a deployment. */
export interface Deployment {
  hasSecret(name: string): boolean;
  /** Whether this is a developer's machine, where providers on the same machine may be called without TLS. */
  readonly development: boolean;
}

/** What a profile asks for that this deployment cannot do, with JSON Pointers into the profile. */
export function unmetBy(deployment: Deployment, { providers = {} }: TenantProfile): FieldError[] {
  return Object.entries(providers).flatMap(([port, choice]): FieldError[] => {
    if (choice?.adapter !== "http") return [];
    const { url, secret } = choice;
    const at = `/providers/${port}`;
    return [
      ...(url.startsWith("http:") && !deployment.development ? [{ pointer: `${at}/url`, detail: "must begin with https://" }] : []),
      ...(secret !== undefined && !deployment.hasSecret(secret)
        ? [{ pointer: `${at}/secret`, detail: `this deployment has no secret ${secret}: npx wrangler secret put ${secret}` }]
        : []),
    ];
  });
}
