/**
 * As much of the Cloudflare API as a deploy meets: KV, D1 (real SQL, in memory), queues, scripts with their assets, versions and
 * triggers. It keeps every call in order, refuses what Cloudflare refuses (a name that is taken, a queue that is missing), and
 * fails on request. A path that it does not know is answered with 404 and kept in `unknown`, so that a test can insist on none.
 */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { DatabaseSync } from "node:sqlite";

export const ACCOUNT = "0123456789abcdef0123456789abcdef";
export const TOKEN = "a-token-that-must-not-be-printed";

/** Where scripts of the account can be reached. */
const SUBDOMAIN = "shop";

/** A call: its method and its path below the account, without the query. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

interface Database {
  readonly uuid: string;
  readonly name: string;
  readonly sql: DatabaseSync;
}

interface Namespace {
  readonly id: string;
  readonly title: string;
  readonly values: Map<string, string>;
}

interface Consumer {
  readonly consumer_id: string;
  readonly [setting: string]: unknown;
}

interface Queue {
  readonly queue_id: string;
  readonly queue_name: string;
  readonly consumers: Consumer[];
}

/** A deployed script, with the bindings of its newest version as the upload named them. */
interface Script {
  readonly bindings: readonly Binding[];
  readonly migrationTag: string | undefined;
  readonly versions: string[];
  readonly deployments: string[];
}

interface Binding {
  readonly name: string;
  readonly type: string;
  readonly [field: string]: unknown;
}

/** What goes wrong, as the API says it. */
class Refusal extends Error {
  readonly status: number;
  readonly code: number;
  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

type Handler = (match: readonly string[], request: { body: string; form: FormData | null; query: URLSearchParams }) => unknown;

export class FakeCloudflare {
  readonly calls: Call[] = [];
  readonly unknown: string[] = [];
  readonly databases: Database[] = [];
  readonly namespaces: Namespace[] = [];
  readonly queues: Queue[] = [];
  readonly scripts = new Map<string, Script>();
  /** Answers such calls with 500 as long as it says so. */
  failing: (call: Call) => boolean = () => false;
  readonly #server = createServer((request, response) => void this.#handle(request, response));

  /** What `CLOUDFLARE_API_BASE_URL` is to be. It listens from the first time that somebody asks. */
  async url(): Promise<string> {
    if (!this.#server.listening) await once(this.#server.listen(0, "127.0.0.1"), "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/client/v4`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    for (const { sql } of this.databases) sql.close();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "", "http://fake");
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    const type = request.headers["content-type"] ?? "";
    const form = type.startsWith("multipart/form-data")
      ? await new Response(bytes, { headers: { "content-type": type } }).formData()
      : null;
    const path = decodeURIComponent(url.pathname.replace(/^\/client\/v4/, "").replace(`/accounts/${ACCOUNT}`, ""));
    const call = { method: request.method ?? "", path, body: form ? "" : bytes.toString() };
    this.calls.push(call);
    try {
      if (request.headers.authorization !== `Bearer ${TOKEN}` && !path.startsWith("/workers/assets/upload")) {
        throw new Refusal(401, 10000, "Authentication error");
      }
      if (this.failing(call)) throw new Refusal(500, 10001, "An internal error of the fake, as the test wants it");
      const result = this.#route(call, { body: call.body, form, query: url.searchParams });
      if (typeof result === "string") response.writeHead(200).end(result);
      else send(response, 200, { success: true, errors: [], messages: [], result, ...pageOf(result) });
    } catch (error) {
      const { status, code, message } = error instanceof Refusal ? error : new Refusal(500, 10013, String(error));
      send(response, status, { success: false, errors: [{ code, message }], messages: [], result: null });
    }
  }

  #route(call: Call, request: Parameters<Handler>[1]): unknown {
    for (const [route, handler] of this.#routes) {
      const [method, pattern = ""] = route.split(" ");
      const match = new RegExp(`^${pattern.replace(/:\w+/g, "([^/]+)")}$`).exec(call.path);
      if (method === call.method && match) return handler(match.slice(1), request);
    }
    this.unknown.push(`${call.method} ${call.path}`);
    throw new Refusal(404, 7003, `The fake knows no ${call.method} ${call.path}`);
  }

  readonly #routes: readonly (readonly [route: string, handler: Handler])[] = [
    ["GET /accounts", () => [{ id: ACCOUNT, name: "Shop" }]],
    ["POST /d1/database", (_, { body }) => this.#createDatabase(JSON.parse(body).name)],
    ["GET /d1/database/:id", ([id]) => described(this.#database(id))],
    ["POST /d1/database/:id/query", ([id], { body }) => query(this.#database(id).sql, JSON.parse(body).sql)],
    ["GET /storage/kv/namespaces", () => this.namespaces.map(({ id, title }) => ({ id, title }))],
    ["POST /storage/kv/namespaces", (_, { body }) => this.#createNamespace(JSON.parse(body).title)],
    ["GET /storage/kv/namespaces/:id/keys", ([id]) => [...this.#namespace(id).values.keys()].map((name) => ({ name }))],
    ["PUT /storage/kv/namespaces/:id/values/:key", ([id, key = ""], { body, form }) => this.#put(id, key, form, body)],
    ["GET /queues", (_, { query: search }) => this.queues.filter(named(search.getAll("name"))).map(withConsumers)],
    ["POST /queues", (_, { body }) => this.#createQueue(JSON.parse(body).queue_name)],
    ["GET /queues/:id/consumers", ([id]) => this.#queue(id).consumers],
    ["POST /queues/:id/consumers", ([id], { body }) => this.#consume(id, JSON.parse(body))],
    ["PUT /queues/:id/consumers/:consumer", ([id, consumer], { body }) => this.#reconsume(id, consumer, JSON.parse(body))],
    ["GET /workers/services/:name", ([name = ""]) => this.#service(name)],
    ["GET /workers/scripts/:name/settings", ([name]) => ({ bindings: this.#script(name).bindings })],
    ["PATCH /workers/scripts/:name/script-settings", () => ({})],
    ["PATCH /workers/scripts/:name/settings", () => ({})],
    ["GET /workers/scripts/:name/secrets", () => []],
    ["POST /workers/scripts/:name/assets-upload-session", () => ({ jwt: "assets", buckets: [] })],
    ["PUT /workers/scripts/:name", ([name = ""], { form }) => this.#upload(name, form)],
    ["POST /workers/scripts/:name/versions", ([name = ""], { form }) => this.#upload(name, form)],
    ["GET /workers/scripts/:name/deployments", ([name]) => ({ deployments: this.#script(name).deployments.map(deployment) })],
    ["POST /workers/scripts/:name/deployments", ([name = ""], { body }) => this.#deploy(name, JSON.parse(body).versions[0].version_id)],
    ["GET /workers/scripts/:name/versions/:id", ([, id]) => ({ id, resources: { bindings: [], script: {}, script_runtime: {} } })],
    ["GET /workers/workers/:name", ([name = ""]) => ({ id: name, name, subdomain: { enabled: true, previews_enabled: false } })],
    ["GET /workers/subdomain", () => ({ subdomain: SUBDOMAIN })],
    ["GET /workers/scripts/:name/subdomain", () => ({ enabled: true, previews_enabled: false })],
    ["POST /workers/scripts/:name/subdomain", () => ({ enabled: true, previews_enabled: false })],
    ["PUT /workers/scripts/:name/schedules", () => ({ schedules: [] })],
  ];

  #createDatabase(name: string): unknown {
    if (this.databases.some((one) => one.name === name)) throw new Refusal(400, 7502, `Database with name '${name}' already exists`);
    const database = { uuid: randomUUID(), name, sql: new DatabaseSync(":memory:") };
    this.databases.push(database);
    return described(database);
  }

  #database(id: string | undefined): Database {
    const found = this.databases.find(({ uuid, name }) => uuid === id || name === id);
    if (!found) throw new Refusal(404, 7404, `The database ${id} could not be found`);
    return found;
  }

  #createNamespace(title: string): unknown {
    if (this.namespaces.some((one) => one.title === title)) {
      throw new Refusal(400, 10014, "a namespace with this account ID and title already exists");
    }
    const namespace = { id: randomUUID().replaceAll("-", ""), title, values: new Map<string, string>() };
    this.namespaces.push(namespace);
    return { id: namespace.id, title };
  }

  #namespace(id: string | undefined): Namespace {
    const found = this.namespaces.find((one) => one.id === id);
    if (!found) throw new Refusal(404, 10013, "namespace not found");
    return found;
  }

  #put(id: string | undefined, key: string, form: FormData | null, body: string): unknown {
    this.#namespace(id).values.set(key, form ? String(form.get("value")) : body);
    return {};
  }

  #createQueue(name: string): unknown {
    if (this.queues.some(({ queue_name }) => queue_name === name)) throw new Refusal(409, 11009, `Queue name ${name} is already taken`);
    const queue = { queue_id: randomUUID().replaceAll("-", ""), queue_name: name, consumers: [] };
    this.queues.push(queue);
    return withConsumers(queue);
  }

  #queue(id: string | undefined): Queue {
    const found = this.queues.find(({ queue_id }) => queue_id === id);
    if (!found) throw new Refusal(404, 11000, `Queue ${id} does not exist`);
    return found;
  }

  #consume(id: string | undefined, settings: Record<string, unknown>): unknown {
    const queue = this.#queue(id);
    if (queue.consumers.length > 0) throw new Refusal(400, 11004, "Queue already has a consumer");
    const consumer = { ...settings, script: settings.script_name, consumer_id: randomUUID().replaceAll("-", "") };
    queue.consumers.push(consumer);
    return consumer;
  }

  #reconsume(id: string | undefined, consumerId: string | undefined, settings: Record<string, unknown>): unknown {
    const { consumers } = this.#queue(id);
    const index = consumers.findIndex(({ consumer_id }) => consumer_id === consumerId);
    if (index === -1) throw new Refusal(404, 11001, "Consumer does not exist");
    consumers[index] = { ...settings, script: settings.script_name, consumer_id: consumerId as string };
    return consumers[index];
  }

  #script(name: string | undefined): Script {
    const found = this.scripts.get(name ?? "");
    if (!found) throw new Refusal(404, 10007, "This Worker does not exist on your account.");
    return found;
  }

  #service(name: string): unknown {
    const { migrationTag } = this.#script(name);
    const script = { id: name, tag: "fake", tags: [], migration_tag: migrationTag, last_deployed_from: "wrangler" };
    return { default_environment: { environment: "production", script } };
  }

  /** As Cloudflare does it refuses a binding to something that is not there. */
  #upload(name: string, form: FormData | null): unknown {
    const metadata = JSON.parse(String(form?.get("metadata")));
    const before = this.scripts.get(name);
    const bindings = (metadata.bindings as Binding[]).map((binding) => this.#resolved(binding, before));
    const id = randomUUID();
    const versions = [...(before?.versions ?? []), id];
    const migrationTag = metadata.migrations?.new_tag ?? before?.migrationTag;
    this.scripts.set(name, { bindings, migrationTag, versions, deployments: before?.deployments ?? [id] });
    return { id, deployment_id: id.replaceAll("-", ""), startup_time_ms: 10, resources: { script: { etag: "fake" } }, metadata: {} };
  }

  #resolved(binding: Binding, before: Script | undefined): Binding {
    if (binding.type === "inherit") {
      const inherited = before?.bindings.find(({ name }) => name === binding.name);
      if (!inherited) throw new Refusal(400, 10056, `Binding ${binding.name} cannot be inherited`);
      return inherited;
    }
    if (binding.type === "kv_namespace") this.#namespace(String(binding.namespace_id));
    if (binding.type === "d1") this.#database(String(binding.id));
    if (binding.type === "queue" && !this.queues.some(({ queue_name }) => queue_name === binding.queue_name)) {
      throw new Refusal(400, 10006, `Queue ${String(binding.queue_name)} does not exist`);
    }
    return binding;
  }

  #deploy(name: string, version: string): unknown {
    this.#script(name).deployments.unshift(version);
    return { id: randomUUID() };
  }
}

/** Every statement in turn; only the last one's rows matter to anybody who sends several. */
function query(sql: DatabaseSync, text: string): unknown {
  const statements = text.split(/;\s*(?:\n|$)/).filter((each) => /\S/.test(each.replace(/^\s*--.*$/gm, "")));
  try {
    return statements.map((each) => ({ success: true, results: sql.prepare(each).all(), meta: { duration: 1 } }));
  } catch (error) {
    throw new Refusal(400, 7500, String(error));
  }
}

const described = ({ uuid, name }: Database) => ({ uuid, name, version: "production", created_at: new Date().toISOString() });

const named = (names: readonly string[]) => (queue: Queue) => names.length === 0 || names.includes(queue.queue_name);

const withConsumers = (queue: Queue) => ({
  ...queue,
  producers: [],
  producers_total_count: 0,
  consumers_total_count: queue.consumers.length,
});

const deployment = (version: string) => ({
  id: randomUUID(),
  source: "wrangler",
  strategy: "percentage",
  versions: [{ version_id: version, percentage: 100 }],
});

const pageOf = (result: unknown) =>
  Array.isArray(result)
    ? { result_info: { page: 1, per_page: 1_000, count: result.length, total_count: result.length, total_pages: 1 } }
    : {};

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
