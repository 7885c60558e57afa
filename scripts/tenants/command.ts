/**
 * Reads and changes tenants' profiles of a deployment. Whatever a command would send is held against the contract here first,
 * so a mistake in a file is told without asking anybody. It never prints a key.
 */
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { Tenant, text } from "../../src/contract/primitives.ts";
import { Problem } from "../../src/contract/problems.ts";
import { TenantProfile, TenantVersions, TenantView } from "../../src/contract/profile.ts";
import { invalid } from "../../src/http/problem.ts";
import { unmetBy } from "../../src/tenants/profile.ts";
import { DEVELOPMENT_KEY } from "../dev-key.ts";
import { EXIT_USAGE, flagsFrom, refusal } from "../flags.ts";

export const USAGE = `Reads and changes tenants' profiles: providers, lanes, risk, tracks, currencies, sender. See docs/tenants.md.

Usage: npm run tenants -- COMMAND [flags]

  get TENANT                     print the profile, to be edited and put back
  put TENANT FILE --reason TEXT  make FILE the profile of orders that come from now on
  history TENANT                 who changed it, when and why, newest first
  validate FILE                  say what is wrong with a profile, without asking anybody

  --url URL            where Orderline answers                       (http://localhost:8787)
  --key KEY            API key with the scope platform; better given (the development key for localhost)
                       as the environment variable ORDERLINE_KEY
  --reason TEXT        put: why, for the history
  --if-version N       put: only if the profile is still at version N; 0: only if there is none
  --at-version N       get: print this version in place of the current one
  --before N           history: versions below N
  --help               print this

Exit code: 0 when done, 1 when refused or unanswered, 2 for a command or a file that makes no sense.
`;

/** A profile is read in milliseconds; a change waits for its copy to be written, too. */
const TIMEOUT_MS = 15_000;

/** A version as the API counts them. */
const version = z
  .string()
  .regex(/^\d{1,9}$/, "must be a version: a whole number")
  .optional();

const Flags = z.object({
  url: z.url({ protocol: /^https?$/, error: "must be an http or https URL" }).default("http://localhost:8787"),
  key: z
    .string()
    .regex(/^[\x21-\x7e]+$/, "must be printable ASCII without spaces")
    .optional(),
  reason: text(500).optional(),
  "if-version": version,
  "at-version": version,
  before: version,
});
type Flags = z.infer<typeof Flags>;

export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  out(text: string): void;
  error(text: string): void;
  readonly fetch?: typeof fetch;
}

/** How many names each command takes before its flags. */
const COMMANDS = { get: ["TENANT"], put: ["TENANT", "FILE"], history: ["TENANT"], validate: ["FILE"] } as const;
type Command = keyof typeof COMMANDS;

class Trouble extends Error {
  override readonly name = "Trouble";
  readonly exitCode: number;
  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** @returns the exit code */
export async function tenants(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const { out, error } = surroundings;
  const firstFlag = argv.findIndex((word) => word.startsWith("-"));
  const words = firstFlag === -1 ? argv : argv.slice(0, firstFlag);
  const parsed = flagsFrom(argv.slice(words.length), Flags);
  if (parsed === "help") {
    out(USAGE.trimEnd());
    return 0;
  }
  const [name = "", ...names] = words;
  const problems = [...problemsOf(name, names), ...("problems" in parsed ? parsed.problems : [])];
  if (problems.length > 0 || "problems" in parsed) {
    error(refusal(problems, USAGE));
    return EXIT_USAGE;
  }
  try {
    await run(name as Command, names, parsed.flags, surroundings);
    return 0;
  } catch (trouble) {
    if (!(trouble instanceof Trouble)) throw trouble;
    error(trouble.message);
    return trouble.exitCode;
  }
}

function problemsOf(name: string, names: readonly string[]): string[] {
  if (name === "") return ["name a command: get, put, history or validate"];
  if (!Object.hasOwn(COMMANDS, name)) return [`there is no command ${name}: there are get, put, history and validate`];
  const wanted = COMMANDS[name as Command];
  if (names.length !== wanted.length) return [`${name} takes ${wanted.join(" and ")}`];
  return [];
}

async function run(command: Command, [first = "", second = ""]: readonly string[], flags: Flags, around: Surroundings): Promise<void> {
  const { out } = around;
  switch (command) {
    case "validate": {
      await profileIn(first);
      return out(`${first} is a profile.`);
    }
    case "get": {
      const at = flags["at-version"];
      const path = at === undefined ? pathOf(first) : `${pathOf(first)}/versions/${at}`;
      const view = await ask(around, flags, TenantView, path);
      around.error(
        `${first} is at version ${view.version}${view.at ? `, put by ${view.by} at ${view.at}: ${view.reason}` : ": the default"}`,
      );
      return out(JSON.stringify(view.profile, null, 2));
    }
    case "put": {
      const profile = await profileIn(second);
      if (flags.reason === undefined) throw new Trouble("put needs --reason: why, for the history", EXIT_USAGE);
      const ifVersion = flags["if-version"];
      const view = await ask(around, flags, TenantView, pathOf(first), {
        method: "PUT",
        headers: { "content-type": "application/json", ...(ifVersion !== undefined && { "if-match": `"${ifVersion}"` }) },
        body: JSON.stringify({ profile, reason: flags.reason }),
      });
      return out(`${first} is at version ${view.version}. New orders use it within two minutes; orders in flight keep theirs.`);
    }
    case "history": {
      const before = flags.before === undefined ? "" : `?before=${flags.before}`;
      const { versions, nextBefore } = await ask(around, flags, TenantVersions, `${pathOf(first)}/versions${before}`);
      if (versions.length === 0) return out(`${first} has the default profile; there is no history.`);
      for (const { version, at, by, reason } of versions) out(`${String(version).padStart(5)}  ${at}  ${by}: ${reason}`);
      if (nextBefore !== null) out(`older ones: --before ${nextBefore}`);
      return;
    }
  }
}

function pathOf(tenant: string): string {
  if (!Tenant.safeParse(tenant).success) throw new Trouble(`${tenant} is no name of a tenant`, EXIT_USAGE);
  return `/v1/tenants/${tenant}`;
}

/** What is in a file is checked as the server would, except for what only the deployment knows: its secrets. */
async function profileIn(file: string): Promise<TenantProfile> {
  const content = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new Trouble(`${file} cannot be read: ${error.code ?? error.message}`, EXIT_USAGE);
  });
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (error) {
    throw new Trouble(`${file} is no JSON: ${error instanceof Error ? error.message : error}`, EXIT_USAGE);
  }
  const parsed = TenantProfile.safeParse(value);
  const flaws = parsed.success ? unmetBy({ hasSecret: () => true, development: true }, parsed.data) : (invalid(parsed.error).errors ?? []);
  if (!parsed.success || flaws.length > 0) throw new Trouble([`${file} is no profile:`, ...linesOf(flaws)].join("\n"), EXIT_USAGE);
  return parsed.data;
}

async function ask<Schema extends z.ZodType>(
  { environment, fetch: send = fetch }: Surroundings,
  { url, key }: Flags,
  schema: Schema,
  path: string,
  init: RequestInit & { headers?: Record<string, string> } = {},
): Promise<z.infer<Schema>> {
  const presented = key ?? environment.ORDERLINE_KEY ?? (new URL(url).hostname === "localhost" ? DEVELOPMENT_KEY : undefined);
  if (presented === undefined) throw new Trouble("which key? Set ORDERLINE_KEY to one with the scope platform", EXIT_USAGE);
  const headers = { ...init.headers, authorization: `Bearer ${presented}`, accept: "application/json" };
  const answer = await send(new URL(path, url), { ...init, headers, signal: AbortSignal.timeout(TIMEOUT_MS) }).catch((error: unknown) => {
    throw new Trouble(`${new URL(url).origin} does not answer: ${error instanceof Error ? error.message : error}`);
  });
  const body: unknown = await answer.json().catch(() => null);
  if (!answer.ok) throw new Trouble(toldBy(answer.status, body));
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw new Trouble(`the answer of ${new URL(url).origin} cannot be read: is this the same release of Orderline?`);
  return parsed.data;
}

function toldBy(status: number, body: unknown): string {
  const problem = Problem.safeParse(body);
  if (!problem.success) return `the answer was ${status}`;
  const { title, detail, errors } = problem.data;
  return [`${status}: ${title}${detail ? `: ${detail}` : ""}`, ...linesOf(errors ?? [])].join("\n");
}

const linesOf = (errors: readonly { readonly pointer: string; readonly detail: string }[]): string[] =>
  errors.map(({ pointer, detail }) => `  ${pointer || "the whole"}  ${detail}`);
