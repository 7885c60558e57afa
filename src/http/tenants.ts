/**
 * Tenants' profiles: reading and changing them, and who changed them when and why. A changed profile applies to orders that
 * are placed after the change.
 */
import { z } from "zod";
import { tenantActor } from "../actors/addresses.ts";
import { Tenant } from "../contract/primitives.ts";
import { problem } from "../contract/problems.ts";
import { type ProfileVersion, PutProfile, TenantVersions, TenantView } from "../contract/profile.ts";
import { DEFAULT_PROFILE, unmetBy } from "../tenants/profile.ts";
import { profiles } from "../tenants/profiles.ts";
import type { Call } from "./context.ts";
import { body, errors, json, route, router } from "./openapi.ts";
import { invalidFields, respond } from "./problem.ts";

const byTenant = z.object({ tenant: Tenant });

/** Nine digits suffice for a change every second during thirty years. */
const versionNumber = z
  .string()
  .regex(/^\d{1,9}$/, "must be a version: a whole number")
  .transform(Number);

const MAX_PAGE = 100;

const etagHeader = z.object({ etag: z.string().meta({ description: "The version, to be sent back as `If-Match`." }) });

/** The routes below `/v1/tenants`. */
export const tenants = router();

tenants.openapi(
  route(["ops", "platform"], {
    method: "get",
    path: "/{tenant}",
    summary: "Read a tenant's profile",
    description: "A key with the scope `ops` may read the profile of its own tenant; every other needs `platform`.",
    tags: ["tenants"],
    request: { params: byTenant },
    responses: { 200: { ...json(TenantView, "The current version."), headers: etagHeader }, ...errors(404) },
  }),
  async (c) => {
    const { tenant } = c.req.valid("param");
    const { caller } = c.var;
    if (!caller.scopes.includes("platform") && caller.tenant !== tenant) return respond(c, problem("not-found", NOTHING));
    return shown(c, tenant, await actor(c, tenant).current());
  },
);

tenants.openapi(
  route("platform", {
    method: "put",
    path: "/{tenant}",
    summary: "Change a tenant's profile",
    description:
      "Makes a new version, which orders that are placed from now on are carried by; within about two minutes everywhere. Orders in flight keep theirs. " +
      'With `If-Match: "<version>"` nothing is changed when somebody else was faster. Putting what is there already makes no version.',
    tags: ["tenants"],
    request: {
      params: byTenant,
      headers: z.object({ "if-match": z.string().max(500).optional().meta({ description: "The `ETag` that the change builds on." }) }),
      body: body(PutProfile),
    },
    responses: { 200: { ...json(TenantView, "The version as it is now."), headers: etagHeader }, ...errors(400, 404, 412, 413, 415, 422) },
  }),
  async (c) => {
    const { tenant } = c.req.valid("param");
    const { profile, reason } = c.req.valid("json");
    const flaws = unmetBy(deploymentOf(c.env), profile);
    if (flaws.length > 0) {
      return respond(c, invalidFields(flaws.map(({ pointer, detail }) => ({ pointer: `/profile${pointer}`, detail }))));
    }
    const ifVersion = versionsIn(c.req.valid("header")["if-match"]);
    const changed = await actor(c, tenant).put({ profile, reason, by: c.var.caller.name, ifVersion });
    profiles.forget(tenant);
    if (changed.outcome === "stale") {
      const { version } = changed;
      return respond(c, problem("precondition-failed", `the profile is at version ${version} by now; read it again`, { version }));
    }
    return shown(c, tenant, changed.current);
  },
);

tenants.openapi(
  route("platform", {
    method: "get",
    path: "/{tenant}/versions",
    summary: "See who changed a tenant's profile, when and why",
    tags: ["tenants"],
    request: {
      params: byTenant,
      query: z.strictObject({
        before: versionNumber.optional(),
        limit: z
          .string()
          .regex(/^\d{1,3}$/, `must be from 1 to ${MAX_PAGE}`)
          .transform(Number)
          .pipe(z.int().min(1).max(MAX_PAGE, `must be from 1 to ${MAX_PAGE}`))
          .default(20),
      }),
    },
    responses: { 200: json(TenantVersions, "Newest first. Empty: no profile was ever put."), ...errors(404, 422) },
  }),
  async (c) => {
    const { tenant } = c.req.valid("param");
    const { before = Number.MAX_SAFE_INTEGER, limit } = c.req.valid("query");
    // One more than asked for tells whether there are older ones.
    const found = await actor(c, tenant).versions(before, limit + 1);
    const page = found.slice(0, limit);
    const versions = page.map(({ at, ...entry }) => ({ ...entry, at: new Date(at).toISOString() }));
    return c.json({ versions, nextBefore: found.length > limit ? (page.at(-1)?.version ?? null) : null }, 200);
  },
);

tenants.openapi(
  route("platform", {
    method: "get",
    path: "/{tenant}/versions/{version}",
    summary: "Read one version of a tenant's profile",
    tags: ["tenants"],
    request: { params: byTenant.extend({ version: versionNumber }) },
    responses: { 200: json(TenantView, "The version, as it was put."), ...errors(404) },
  }),
  async (c) => {
    const { tenant, version } = c.req.valid("param");
    const found = await actor(c, tenant).version(version);
    return found ? c.json(viewOf(tenant, found), 200) : respond(c, problem("not-found", "there is no such version"));
  },
);

const NOTHING = "there is nothing of this name";

const actor = (c: Call, tenant: string) => tenantActor(c.env, tenant);

const deploymentOf = (env: Call["env"]) => ({
  hasSecret: (name: string) => typeof (env as unknown as Record<string, unknown>)[name] === "string",
  development: env.DEVELOPMENT_KEYS === "allow",
});

/** The current version with its `ETag`. The embedded default is version 0, so that the first change can be conditional, too. */
function shown(c: Call, tenant: string, current: ProfileVersion | null) {
  return c.json(viewOf(tenant, current), 200, { etag: `"${current?.version ?? 0}"` });
}

function viewOf(tenant: string, version: ProfileVersion | null): TenantView {
  if (version === null) return { tenant, ...DEFAULT_PROFILE, at: null, by: null, reason: null };
  return { tenant, ...version, at: new Date(version.at).toISOString() };
}

/**
 * The versions that `If-Match` names; null when it is absent or `*`. RFC 9110 §13.1.1 compares strongly, so a tag that is
 * weak or not ours matches no version.
 */
function versionsIn(header: string | undefined): number[] | null {
  if (header === undefined || header.trim() === "*") return null;
  return header.split(",").flatMap((tag) => {
    const version = /^"(\d{1,9})"$/.exec(tag.trim())?.[1];
    return version === undefined ? [] : [Number(version)];
  });
}
