/**
 * The part of the Cloudflare API that a deploy needs besides wrangler: databases, key-value namespaces and their entries, by name.
 * Every answer is parsed before it is believed. It knows who calls from the environment, or from wrangler's login.
 */
import { z } from "zod";
import { runWrangler } from "../wrangler.ts";

const DEFAULT_BASE = "https://api.cloudflare.com/client/v4";

/** Everything asked here is answered in well under a second. */
const TIMEOUT_MS = 30_000;

/** The most that a page of namespaces holds. */
const PAGE_SIZE = 100;

/** The code of "there is no such database". */
const NO_DATABASE = 7404;

/** Why the account cannot be reached, or what it refused; told to a person as it is. */
export class CloudflareError extends Error {
  readonly code: number | undefined;
  constructor(message: string, code?: number) {
    super(message);
    this.code = code;
  }
}

const Answer = z.looseObject({
  success: z.boolean(),
  errors: z.array(z.looseObject({ code: z.number(), message: z.string() })).default([]),
  result: z.unknown(),
});

const Database = z.looseObject({ uuid: z.string(), name: z.string() });
const Namespace = z.looseObject({ id: z.string(), title: z.string() });
const Entry = z.looseObject({ name: z.string() });
const Account = z.looseObject({ id: z.string(), name: z.string() });

/** As `wrangler auth token --json` prints it. */
const Login = z.discriminatedUnion("type", [
  z.object({ type: z.enum(["oauth", "api_token"]), token: z.string() }),
  z.object({ type: z.literal("api_key"), key: z.string(), email: z.string() }),
]);

type Headers = Readonly<Record<string, string>>;

export interface Cloudflare {
  readonly account: string;
  /** @returns its id, or undefined when there is none of this name */
  findDatabase(name: string): Promise<string | undefined>;
  createDatabase(name: string): Promise<string>;
  findNamespace(title: string): Promise<string | undefined>;
  createNamespace(title: string): Promise<string>;
  /** Whether anything is stored in a namespace. */
  hasEntries(namespace: string): Promise<boolean>;
  putEntry(namespace: string, name: string, value: string): Promise<void>;
}

/** @throws CloudflareError when nobody is logged in, or when it is not clear which account is meant */
export async function connect(env: NodeJS.ProcessEnv): Promise<Cloudflare> {
  const base = env.CLOUDFLARE_API_BASE_URL ?? DEFAULT_BASE;
  const headers = await credentials(env);
  const call = <Schema extends z.ZodType>(schema: Schema, method: string, path: string, body?: unknown) =>
    request(`${base}${path}`, { method, headers, body }, schema);
  const account = env.CLOUDFLARE_ACCOUNT_ID ?? onlyOne(await call(z.array(Account), "GET", "/accounts"));
  const kv = `/accounts/${account}/storage/kv/namespaces`;
  const d1 = `/accounts/${account}/d1/database`;
  return {
    account,
    async findDatabase(name) {
      try {
        return (await call(Database, "GET", `${d1}/${encodeURIComponent(name)}`)).uuid;
      } catch (error) {
        if (error instanceof CloudflareError && error.code === NO_DATABASE) return undefined;
        throw error;
      }
    },
    createDatabase: async (name) => (await call(Database, "POST", d1, { name })).uuid,
    async findNamespace(title) {
      for (let page = 1; ; page++) {
        const found = await call(z.array(Namespace), "GET", `${kv}?per_page=${PAGE_SIZE}&page=${page}`);
        const namespace = found.find((each) => each.title === title);
        if (namespace || found.length < PAGE_SIZE) return namespace?.id;
      }
    },
    createNamespace: async (title) => (await call(Namespace, "POST", kv, { title })).id,
    hasEntries: async (namespace) => (await call(z.array(Entry), "GET", `${kv}/${namespace}/keys?limit=10`)).length > 0,
    async putEntry(namespace, name, value) {
      await call(z.unknown(), "PUT", `${kv}/${namespace}/values/${encodeURIComponent(name)}`, value);
    },
  };
}

/** A text is sent as it is, anything else as JSON. */
async function request<Schema extends z.ZodType>(
  url: string,
  { method, headers, body }: { readonly method: string; readonly headers: Headers; readonly body: unknown },
  schema: Schema,
): Promise<z.output<Schema>> {
  const what = `${method} ${new URL(url).pathname}`;
  const content =
    typeof body === "string"
      ? { body, headers: { ...headers, "content-type": "text/plain" } }
      : { ...(body !== undefined && { body: JSON.stringify(body) }), headers: { ...headers, "content-type": "application/json" } };
  const response = await fetch(url, { method, ...content, signal: AbortSignal.timeout(TIMEOUT_MS) }).catch((error: Error) => {
    throw new CloudflareError(`${what}: no answer (${String(error.cause ?? error.message)})`);
  });
  const answer = Answer.safeParse(await response.json().catch(() => null));
  if (!answer.success) throw new CloudflareError(`${what}: answered ${response.status} with something that is not of the API`);
  const [first] = answer.data.errors;
  if (!answer.data.success) throw new CloudflareError(`${what}: ${first?.message ?? response.status} [code: ${first?.code}]`, first?.code);
  const result = schema.safeParse(answer.data.result);
  if (!result.success) throw new CloudflareError(`${what}: the answer is not understood: ${z.prettifyError(result.error)}`);
  return result.data;
}

async function credentials(env: NodeJS.ProcessEnv): Promise<Headers> {
  if (env.CLOUDFLARE_API_TOKEN) return { authorization: `Bearer ${env.CLOUDFLARE_API_TOKEN}` };
  const { code, stdout } = await runWrangler(["auth", "token", "--json"]);
  const login = Login.safeParse(jsonOrNull(stdout));
  if (code !== 0 || !login.success) {
    throw new CloudflareError("Nobody is logged in: run `npx wrangler login`, or set CLOUDFLARE_API_TOKEN (and CLOUDFLARE_ACCOUNT_ID).");
  }
  return login.data.type === "api_key"
    ? { "x-auth-key": login.data.key, "x-auth-email": login.data.email }
    : { authorization: `Bearer ${login.data.token}` };
}

function onlyOne(accounts: readonly z.infer<typeof Account>[]): string {
  const [account, ...more] = accounts;
  if (account && more.length === 0) return account.id;
  const listed = accounts.map(({ id, name }) => `  ${id}  ${name}`).join("\n");
  throw new CloudflareError(`Set CLOUDFLARE_ACCOUNT_ID to the account that is meant:\n${listed}`);
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
