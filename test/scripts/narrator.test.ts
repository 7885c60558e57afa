import { describe, expect, it } from "vitest";
import { Narrator, readyUrl } from "../../scripts/start/narrator.ts";

const ORDER = "ord_55tpb79kpsc6vbb0r6q9zhtm5j";
const AT = new Date(2026, 10, 21, 17, 4, 5);

const entry = (event: string, fields: object = {}, level = "info") => JSON.stringify({ level, event, ...fields });

const placed = entry("order.placed", { orderId: ORDER, lane: "standard", lines: 1, total: 1530, currency: "GBP", status: 202 });

const advanced = (status: string, fields: object = {}) =>
  entry("order.advanced", { orderId: ORDER, lane: "standard", status, version: 5, waitedMs: 1_043, durationMs: 57, ...fields });

const changed = (status: string, command: string) => entry("order.changed", { orderId: ORDER, status, command });

/** As wrangler prints what the Worker wrote with `console.warn` and `console.error`: in colour, and with a mark before it. */
const marked = (line: string, mark: string) =>
  `\x1b[33m${mark} \x1b[43;33m[\x1b[43;30m${mark === "▲" ? "WARNING" : "ERROR"}\x1b[43;33m]\x1b[0m \x1b[1m${line}\x1b[0m`;

/** What is printed for these lines, without the time. */
function told(lines: readonly string[], stream: "out" | "err" = "out", narrator = new Narrator()): string[] {
  const texts = lines.map((line) => narrator.tell(stream, line, AT)).filter((text) => text !== undefined);
  return texts.map((text) => text.replace(/^17:04:05 {2}/, ""));
}

describe("An order", () => {
  it("has a line as it is accepted, with the time", () => {
    expect(new Narrator().tell("out", placed, AT)).toBe(`17:04:05  ${ORDER}  accepted     £15.30, 1 line, standard`);
  });

  it.each([
    ["JPY", 1530, "¥1,530"],
    ["KWD", 1530, "KWD 1.530"],
    ["EUR", 5, "€0.05"],
  ])("shows money in %s with the digits that it has", (currency, total, text) => {
    const [line] = told([entry("order.placed", { orderId: ORDER, lines: 2, total, currency })]);
    expect(line?.replace(/\s/g, " ")).toContain(`${text}, 2 lines`);
  });

  it("has a line as it comes to an end", () => {
    expect(told([placed, advanced("processing"), advanced("confirmed")])).toEqual([
      `${ORDER}  accepted     £15.30, 1 line, standard`,
      `${ORDER}  confirmed    1.1 s after it was placed`,
    ]);
    expect(told([advanced("failed", { steps: "screen:succeeded:1ms authorize:refused:1ms release:succeeded:1ms" })])).toEqual([
      `${ORDER}  failed       authorize refused`,
    ]);
    expect(told([changed("cancelling", "cancel"), advanced("cancelled")])).toEqual([`${ORDER}  cancelled`]);
    expect(told([changed("in_fulfilment", "stage"), changed("completed", "stage")])).toEqual([`${ORDER}  completed`]);
  });

  it("has a line as it needs a person", () => {
    expect(told([advanced("held")])).toEqual([`${ORDER}  held         needs a person: approve or reject it`]);
    const parked = entry(
      "order.parked",
      { orderId: ORDER, status: "quarantined", step: "authorize", cause: "poison", detail: "no such card" },
      "error",
    );
    expect(told([marked(parked, "✘"), advanced("quarantined")], "err")).toEqual([
      `${ORDER}  quarantined  needs a person: authorize poison, no such card`,
    ]);
  });

  it("is not told of again while it stays as it is", () => {
    const lines = [
      advanced("confirmed"),
      entry("order.alarm", { orderId: ORDER, status: "confirmed", from: "confirmed" }),
      advanced("confirmed"),
    ];
    expect(told(lines)).toHaveLength(1);
  });

  it("is told of again when it comes to rest a second time, whichever stream says so", () => {
    const narrator = new Narrator();
    const parked = entry("order.parked", { orderId: ORDER, status: "quarantined", step: "authorize", cause: "poison" }, "error");
    expect(told([parked], "err", narrator)).toHaveLength(1);
    expect(told([changed("processing", "redrive")], "out", narrator)).toEqual([]);
    expect(told([parked], "err", narrator)).toHaveLength(1);
  });
});

describe("A warning or an error of the Worker", () => {
  it("has a readable line", () => {
    const warning = entry(
      "step.attempt",
      {
        orderId: ORDER,
        lane: "standard",
        status: "accepted",
        version: 1,
        step: "authorize",
        outcome: "refused",
        reason: "card_declined",
        trace: "247f",
      },
      "warn",
    );
    expect(told([marked(warning, "▲"), "", ""], "err")).toEqual([
      `warning  step.attempt  ${ORDER}: step authorize, outcome refused, reason card_declined`,
    ]);
    expect(told([entry("cron.failed", { cron: "*/5 * * * *", error: "Error: no" }, "error")], "err")).toEqual([
      "error  cron.failed: cron */5 * * * *, error Error: no",
    ]);
  });
});

describe("What nobody needs who only runs it", () => {
  it.each([
    ["requests", entry("http.request", { method: "GET", path: "/healthz", status: 200 })],
    ["deliveries", entry("events.projected", { messages: 6 })],
    ["alarms of orders at rest nobody placed here", entry("order.alarm", { orderId: ORDER, status: "processing" })],
    ["wrangler's own line for a request", "\x1b[2m[wrangler:info] POST /v1/orders 202 Accepted (35ms)\x1b[0m"],
    ["its banner", " ⛅️ wrangler 4.156.2 (update available 4.164.0)"],
    ["a binding", "env.ORDERS (OrderActor)                                        Durable Object            local"],
    ["progress", "⎔ Starting local server..."],
  ])("is left out: %s", (_, line) => {
    expect(told([line])).toEqual([]);
  });

  it("is left out with all lines that belong to it", () => {
    const mail = [
      "[wrangler:info] send_email binding called with MessageBuilder:",
      "From: orders@example.com",
      "To: ada@example.com",
      "Subject: Your order",
      "",
      "Text: /tmp/a.txt",
      "HTML: /tmp/a.html",
    ];
    expect(told(mail)).toEqual([]);
    const offline = [
      "[wrangler:warn] Unable to fetch the `Request.cf` object! Falling back to a default placeholder...",
      "Error: getaddrinfo ENOTFOUND workers.cloudflare.com",
      "    at GetAddrInfoReqWrap.onlookupall [as oncomplete] (node:dns:123:26)",
    ];
    expect(told(offline)).toEqual([]);
    const crons = [
      marked("Scheduled Workers are not automatically triggered during local development.", "▲"),
      "",
      "  To manually trigger a scheduled event, run:",
      '    curl "http://localhost:9311/cdn-cgi/local/scheduled"',
    ];
    expect(told(crons, "err")).toEqual([]);
  });

  it("leaves out the table of bindings, those without a value included", () => {
    const table = [
      "Your Worker has access to the following bindings:",
      "Binding                                            Resource                  Mode",
      "env.ORDERS (OrderActor)                            Durable Object            local",
      "env.API_KEYS                                       KV Namespace              local",
      'env.PAYMENT_URL ("")                               Environment Variable      local',
    ];
    expect(told(table)).toEqual([]);
  });
});

describe("Everything else", () => {
  it("is shown as it is: a source that does not build, with its blank lines", () => {
    const failure = [
      marked("Build failed with 1 error:", "✘"),
      "",
      '  ✘ [ERROR] Could not resolve "./nowhere.ts"',
      "  ",
      "      src/index.ts:1:7:",
      '        1 │ import "./nowhere.ts";',
    ];
    const shown = told(failure, "err").join("\n");
    expect(shown).toContain(failure[0]);
    expect(shown).toContain(`\n\n${failure[2]}\n\n${failure[4]}\n${failure[5]}`);
  });

  it("is shown as it is: what a developer logs, and objects that are not of the log", () => {
    const lines = ["here { a: 1 }", '{"level":"info"}', "{ a: 1,", "  b: 2 }"];
    expect(told([placed, ...lines]).slice(1)).toEqual(lines);
  });

  it("is shown as it is: errors of wrangler after its chatter", () => {
    expect(told(["⎔ Starting local server...", marked("Address already in use (127.0.0.1:8787).", "✘")])).toHaveLength(1);
  });
});

describe("The line that says that the server is ready", () => {
  it("tells where", () => {
    expect(readyUrl("\x1b[2m[wrangler:info] Ready on http://localhost:9311\x1b[0m")).toBe("http://localhost:9311");
    expect(readyUrl("[wrangler:info] GET /?q=Ready on http://localhost 200 OK")).toBeUndefined();
  });
});
