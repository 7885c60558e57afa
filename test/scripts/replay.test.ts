import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { DEVELOPMENT_KEY } from "../../scripts/dev-key.ts";
import type { Result } from "../../scripts/replay/report.ts";
import { replay } from "../../scripts/replay/run.ts";
import { PlaceOrder, totalOf } from "../../src/contract/order.ts";

interface Stored {
  readonly id: string;
  readonly key: string;
  readonly body: string;
  readonly order: PlaceOrder;
  readonly total: number;
  readonly placedAt: number;
}

/** What a test does to a submission before the server looks at it, or after it stored it; `true` when that was the answer. */
type Mischief = (key: string, attempt: number, response: ServerResponse) => boolean;

/** As much of Orderline as a replay sees. Orders are confirmed a moment after they were placed; those above £10,000 are held. */
class FakeOrderline {
  readonly orders = new Map<string, Stored>();
  readonly listings: string[] = [];
  readonly attempts = new Map<string, number>();
  mostAtOnce = 0;
  otherRequests = 0;
  before: Mischief = () => false;
  after: Mischief = () => false;
  /** Orders that somebody else has placed. */
  strangers = 0;
  confirmAfterMs = 50;
  countersOff = 0;
  #underWay = 0;
  #server = createServer((request, response) => void this.#handle(request, response));

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#underWay);
    response.on("close", () => this.#underWay--);
    const url = new URL(request.url ?? "", "http://fake");
    let body = "";
    for await (const chunk of request) body += chunk;
    if (request.headers.authorization !== `Bearer ${DEVELOPMENT_KEY}`) {
      return send(response, 401, problem(401, "send an API key"));
    }
    if (request.method === "POST") return this.#place(String(request.headers["idempotency-key"]), body, response);
    if (url.pathname === "/v1/stats") return send(response, 200, this.#stats());
    if (url.pathname === "/v1/orders") return this.#list(url, response);
    this.otherRequests++;
    return send(response, 404, problem(404, "there is nothing here"));
  }

  #place(key: string, body: string, response: ServerResponse): void {
    const attempt = (this.attempts.get(key) ?? 0) + 1;
    this.attempts.set(key, attempt);
    if (this.before(key, attempt, response)) return;
    const known = this.orders.get(key);
    if (known && known.body !== body) {
      send(response, 422, problem(422, "the key was used for another order"));
      return;
    }
    const stored = known ?? this.#store(key, body);
    if (this.after(key, attempt, response)) return;
    const { id, total, placedAt } = stored;
    const receipt = { id, status: "accepted", placedAt: iso(placedAt), total, currency: "GBP", links: {} };
    send(response, 202, receipt, known ? { "idempotency-replayed": "true" } : {});
  }

  #store(key: string, body: string): Stored {
    const order = PlaceOrder.parse(JSON.parse(body));
    const id = `ord_${String(this.orders.size).padStart(26, "0")}`;
    const stored = { id, key, body, order, total: totalOf(order), placedAt: Date.now() };
    this.orders.set(key, stored);
    return stored;
  }

  #statusOf({ total, placedAt }: Stored) {
    if (Date.now() < placedAt + this.confirmAfterMs) return "processing";
    return total >= 1_000_000 ? "held" : "confirmed";
  }

  #stats() {
    const all = [...this.orders.values()];
    const confirmed = all.filter((order) => this.#statusOf(order) === "confirmed");
    return {
      at: iso(Date.now()),
      submitted: all.length + this.strangers + this.countersOff,
      pending: all.length - confirmed.length,
      quarantined: 0,
      revenue: { GBP: confirmed.reduce((sum, { total }) => sum + total, 0) + this.strangers * 100 },
    };
  }

  #list(url: URL, response: ServerResponse): void {
    this.listings.push(url.search);
    const from = Date.parse(url.searchParams.get("from") ?? iso(0));
    const limit = Number(url.searchParams.get("limit"));
    const skip = Number(url.searchParams.get("cursor") ?? 0);
    const ours = [...this.orders.values()].map((order) => {
      const status = this.#statusOf(order);
      const confirmedAt = status === "confirmed" ? iso(order.placedAt + this.confirmAfterMs) : null;
      return { id: order.id, status, currency: "GBP", total: order.total, placedAt: iso(order.placedAt), confirmedAt };
    });
    const now = iso(Date.now());
    const strangers = Array.from({ length: this.strangers }, (_, index) => ({
      id: `ord_${String(index).padStart(26, "z")}`,
      ...{ status: "confirmed", currency: "GBP", total: 100, placedAt: now, confirmedAt: now },
    }));
    const matching = [...ours, ...strangers].filter(({ placedAt }) => Date.parse(placedAt) >= from).reverse();
    const page = matching.slice(skip, skip + limit);
    send(response, 200, { orders: page, nextCursor: skip + limit < matching.length ? String(skip + limit) : null });
  }
}

const iso = (millis: number) => new Date(millis).toISOString();

const problem = (status: number, detail: string) => ({ type: "urn:orderline:problem:test", title: "Test", status, detail });

function send(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

const folder = mkdtempSync(join(tmpdir(), "replay-"));
const small = join(folder, "small.csv");
beforeAll(() => {
  const row = (no: number) => `${no},85123A,LANTERN,${no},2010-12-01 08:26:00,2.55,,United Kingdom`;
  const header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";
  writeFileSync(small, [header, row(1), row(2), row(3)].join("\n"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const servers: FakeOrderline[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function start(changes: Partial<FakeOrderline> = {}) {
  const server = Object.assign(new FakeOrderline(), changes);
  servers.push(server);
  return { server, url: await server.listen() };
}

async function run(argv: string[], signal = new AbortController().signal) {
  let out = "";
  let screen = "";
  const code = await replay(argv, {
    out: { write: (text: string) => (out += text) },
    screen: { write: (text: string) => (screen += text) },
    signal,
    watchIntervalMs: 20,
  });
  return { code, out, screen, result: (): Result => JSON.parse(out) };
}

describe("A replay of the sample", () => {
  it("submits every order once, waits for rest and finds file, history and counters equal", async () => {
    const { server, url } = await start();
    const { code, out, screen } = await run(["--url", url, "--rate", "1000"]);
    expect(screen).toContain("online-retail-sample.csv: 40 invoices, of which 33 orders worth £24,910.51");
    expect(screen).toContain("submitted 33/33 · accepted 33 · confirmed 32 · refused 0 · failed 0 · waiting for a person 1");
    expect(out).toContain("Equal to the penny.");
    expect(out).toMatch(/order value [ |]+£24,910\.51 [ |]+£24,910\.51/);
    expect(out).toMatch(/revenue [ |]+£14,248\.82 [ |]+£14,248\.82 [ |]+£14,248\.82 [ |]+equal/);
    expect(code).toBe(0);
    expect(server.orders.size).toBe(33);
  });

  it("run twice doubles nothing and says what was replayed", async () => {
    const { server, url } = await start();
    await run(["--url", url, "--rate", "1000"]);
    const again = await run(["--url", url, "--rate", "1000", "--json"]);
    expect(again.code).toBe(0);
    expect(again.result().counts).toMatchObject({ accepted: 33, replayed: 33, confirmed: 32 });
    expect(again.result().notes.join()).toContain("33 orders are from an earlier run");
    expect(server.orders.size).toBe(33);
  });
});

describe("A replay", () => {
  it("names the key after the run and the invoice, and sends no more than the limit", async () => {
    const { server, url } = await start();
    expect((await run(["--file", small, "--url", url, "--run", "monday", "--limit", "2"])).code).toBe(0);
    expect([...server.orders.keys()]).toEqual(["monday-1", "monday-2"]);
  });

  it("prints one line of JSON and nothing else when asked to", async () => {
    const { url } = await start();
    const { out, result } = await run(["--file", small, "--url", url, "--json"]);
    expect(out.trim().split("\n")).toHaveLength(1);
    expect(result()).toMatchObject({ file: "small.csv", equal: true, orders: 3, value: 6 * 255, confirm: { p50: 50, p95: 50 } });
  });

  it("keeps to its rate and its concurrency", async () => {
    const { server, url } = await start({ confirmAfterMs: 0 });
    const begun = performance.now();
    const { result } = await run(["--url", url, "--rate", "40", "--concurrency", "2", "--json"]);
    expect(performance.now() - begun).toBeGreaterThan((32 / 40) * 1_000);
    expect(result().rate).toBeLessThan(45);
    // One more for the watch beside the senders.
    expect(server.mostAtOnce).toBeLessThanOrEqual(3);
  });

  it("reads the history page by page, only as far back as its own open orders, and never a single order", async () => {
    const { server, url } = await start({ strangers: 250 });
    expect((await run(["--url", url, "--rate", "1000"])).code).toBe(0);
    const first = Math.min(...[...server.orders.values()].map(({ placedAt }) => placedAt));
    const queries = server.listings.map((search) => new URLSearchParams(search));
    expect(queries.every((query) => query.get("limit") === "100" && Date.parse(query.get("from") ?? "") >= first)).toBe(true);
    expect(new Set(queries.map((query) => query.get("cursor")))).toEqual(new Set([null, "100", "200"]));
    expect(server.otherRequests).toBe(0);
  });

  it("tries again when it is told to come later, and not before", async () => {
    const { server, url } = await start({
      before: (_, attempt, response) => {
        if (attempt > 1) return false;
        send(response, 503, problem(503, "overloaded"), { "retry-after": "1" });
        return true;
      },
    });
    const begun = performance.now();
    const { code, result } = await run(["--file", small, "--url", url, "--json"]);
    expect(code).toBe(0);
    expect(performance.now() - begun).toBeGreaterThan(1_000);
    expect(result().counts).toMatchObject({ accepted: 3, replayed: 0, unanswered: 0 });
    expect([...server.attempts.values()]).toEqual([2, 2, 2]);
  });

  it("doubles nothing when an answer is lost on the way, and counts the order as its own", async () => {
    const { server, url } = await start({
      after: (_, attempt, response) => {
        if (attempt > 1) return false;
        response.destroy();
        return true;
      },
    });
    const { code, result } = await run(["--file", small, "--url", url, "--json"]);
    expect(code).toBe(0);
    expect(server.orders.size).toBe(3);
    expect(result().counts).toMatchObject({ accepted: 3, replayed: 3 });
    expect(result().notes).toEqual([]);
  });

  it("shows why an order was refused, does not try it again, and is not equal", async () => {
    const { server, url } = await start({
      before: (key, _, response) => {
        if (!key.endsWith("-2")) return false;
        send(response, 422, problem(422, "/lines/0/sku: is odd"));
        return true;
      },
    });
    const { code, out } = await run(["--file", small, "--url", url, "--run", "r"]);
    expect(code).toBe(1);
    expect(out).toContain("invoice 2 refused: 422 /lines/0/sku: is odd");
    expect(out).toContain("NOT EQUAL.");
    expect(server.attempts.get("r-2")).toBe(1);
  });

  it("does not believe an answer that is not of the contract", async () => {
    const { url } = await start({
      before: (_, __, response) => {
        send(response, 202, { id: "7" });
        return true;
      },
    });
    const { code, out } = await run(["--file", small, "--url", url, "--limit", "1"]);
    expect(code).toBe(1);
    expect(out).toContain("was answered with something else than its contract says");
  });

  it("gives up waiting after its timeout, and names what still moves", async () => {
    const { url } = await start({ confirmAfterMs: 1_000_000 });
    const { code, out } = await run(["--file", small, "--url", url, "--timeout", "1"]);
    expect(code).toBe(1);
    expect(out).toContain("3 still moving when the time was up: 1 (ord_");
  });

  it("tells other traffic from a difference", async () => {
    const { server, url } = await start();
    server.after = () => {
      server.strangers = 2;
      return false;
    };
    const { code, out } = await run(["--file", small, "--url", url]);
    expect(code).toBe(0);
    expect(out).toContain(
      "other traffic: the counters moved further than this run accounts for, by 2 orders and £2.00; 2 orders of others were placed while it ran",
    );
    expect(out).toContain("the counters include other traffic.");
  });

  it("is not equal when the counters doubled an order", async () => {
    const { server, url } = await start();
    server.after = () => {
      server.countersOff = 1;
      return false;
    };
    const { code, result } = await run(["--file", small, "--url", url, "--json"]);
    expect(code).toBe(1);
    expect(result().comparisons[0]).toMatchObject({ file: 3, history: 3, counters: 4, verdict: "different" });
  });

  it("waits until the counters have caught up with an earlier run before it begins", async () => {
    const { server, url } = await start();
    await run(["--file", small, "--url", url]);
    server.countersOff = -1;
    setTimeout(() => (server.countersOff = 0), 30);
    const { code, result } = await run(["--file", small, "--url", url, "--json"]);
    expect(code).toBe(0);
    expect(result().comparisons[0]).toMatchObject({ file: 3, history: 3, counters: 3, verdict: "equal" });
  });

  it("ends in order when it is interrupted", async () => {
    const { server, url } = await start();
    const interruption = new AbortController();
    server.after = () => {
      interruption.abort();
      return false;
    };
    const { code, screen } = await run(["--url", url, "--rate", "5", "--concurrency", "1"], interruption.signal);
    expect(code).toBe(130);
    expect(server.orders.size).toBe(1);
    expect(screen).toContain("accepted 1");
    expect(screen).toContain("Interrupted.");
  });
});

describe("A replay that cannot begin says why", () => {
  it.each([
    [["--bogus"], "Unknown option '--bogus'"],
    [["--rate", "fast"], "--rate must be a number"],
    [["--rate", "0"], "--rate must be above 0"],
    [["--concurrency", "1.5"], "--concurrency must be a whole number from 1 to 256"],
    [["--concurrency", "1000"], "--concurrency must be a whole number from 1 to 256"],
    [["--limit", "0"], "--limit must be a whole number from 1"],
    [["--timeout", ""], "--timeout must be above 0"],
    [["--url", "localhost:8787"], "--url must be an http or https URL"],
    [["--run", "a b"], "--run must be 1 to 64 letters"],
    [["--rate"], "'--rate <value>' argument missing"],
    [["invoices.csv"], "Unexpected argument 'invoices.csv'"],
    [["--file", "/nowhere.csv"], "--file cannot be read"],
  ])("%j", async (argv, message) => {
    const { code, screen, out } = await run(argv);
    expect(screen).toContain(message);
    expect(code).toBe(2);
    expect(out).toBe("");
  });

  it("when nobody answers", async () => {
    const { server, url } = await start();
    server.close();
    const { code, screen } = await run(["--url", url]);
    expect(code).toBe(1);
    expect(screen).toContain(`No Orderline answers at ${url}: connect ECONNREFUSED`);
  });

  it("when the key is not valid", async () => {
    const { server, url } = await start();
    const { code, screen } = await run(["--url", url, "--key", "other"]);
    expect(code).toBe(1);
    expect(screen).toContain("refuses: 401 send an API key");
    expect(server.orders.size).toBe(0);
  });

  it("when the file is of another form", async () => {
    const other = join(folder, "other.csv");
    writeFileSync(other, "a,b\n1,2\n");
    const { code, screen } = await run(["--file", other]);
    expect(code).toBe(1);
    expect(screen).toContain("line 1: the header lacks InvoiceNo");
  });

  it("when the file is no text at all, without showing its bytes", async () => {
    const binary = join(folder, "invoices.xlsx");
    writeFileSync(binary, Buffer.from("504b030414000600080000002100413722cf7201000004050000", "hex"));
    const { code, screen, out } = await run(["--file", binary]);
    expect(code).toBe(1);
    expect(screen).toBe(`${binary} is not a CSV of invoices: it is no text\n`);
    expect(out).toBe("");
  });

  it("and explains itself when asked for help", async () => {
    const { code, out } = await run(["--help"]);
    expect(code).toBe(0);
    for (const flag of ["file", "url", "key", "rate", "concurrency", "limit", "run", "timeout", "json", "help"]) {
      expect(out).toContain(`--${flag} `);
    }
  });
});
