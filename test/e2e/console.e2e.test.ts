/** The operations console as a person meets it: a real browser, the real server, started as `npm start` starts it. */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DEVELOPMENT_KEY } from "../../scripts/dev-key.ts";
import { type Server, startServer } from "../../scripts/server.ts";
import { Action } from "../../src/contract/order.ts";
import { TRACKS } from "../../src/domain/tracks.ts";
import { MAGIC_VALUES } from "../../src/providers/sandbox.ts";
import { type LaunchedBrowser, launch } from "../support/browser.ts";

/** An order is confirmed in about a second and the table follows within two; the rest is for a busy machine. */
const PATIENCE_MS = 30_000;

let server: Server;
let chromium: LaunchedBrowser;
let page: Page;
/** What the browser complained about: errors of scripts, of requests, and of the content security policy. */
let complaints: string[];

beforeAll(async () => {
  [server, chromium] = await Promise.all([startServer(), launch()]);
});

afterAll(async () => {
  await chromium?.close();
  await server?.stop();
});

beforeEach(async () => {
  const context = await chromium.browser.newContext();
  page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
});

afterEach(async () => {
  await page.context().close();
});

const openWithKey = async (hash = "") => {
  await page.goto(`${server.url}/#key=${DEVELOPMENT_KEY}${hash}`);
  await connectionIs("live");
};
const connectionIs = (state: string) => page.locator("#connection", { hasText: state }).waitFor();
const processed = async () => Number(await page.locator("#count-processed").textContent());

/** Submits a sample order and returns its id. */
async function submitSample(scenario: string): Promise<string> {
  await page.locator("#sample-scenario").selectOption({ label: scenario });
  await page.getByRole("button", { name: "Submit a sample order" }).click();
  const link = page.locator("#sample-notice a");
  await link.waitFor();
  return (await link.getAttribute("title")) ?? "";
}

describe("Without a key", () => {
  it("says where to get one, and asks the server nothing", async () => {
    const asked: string[] = [];
    page.on("request", (request) => asked.push(new URL(request.url()).pathname));
    await page.goto(server.url);
    await page.getByText("npm start").waitFor();
    expect(await page.locator("#console").isVisible()).toBe(false);
    expect(asked.filter((path) => path.startsWith("/v1"))).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it("takes a key that is typed, and keeps it for the tab only", async () => {
    await page.goto(server.url);
    await page.getByLabel("API key").fill(DEVELOPMENT_KEY);
    await page.getByRole("button", { name: "Open the console" }).click();
    await connectionIs("live");
    const kept = await page.evaluate(() => [Object.values({ ...sessionStorage }), Object.values({ ...localStorage })]);
    expect(kept).toEqual([[DEVELOPMENT_KEY], []]);
  });

  it("forgets a key that is not accepted, and says so", async () => {
    await page.goto(`${server.url}/#key=olk_nobody`);
    await page.getByText("not accepted here").waitFor();
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
  });

  it("takes nothing that cannot be a key", async () => {
    await page.goto(`${server.url}/#key=${encodeURIComponent("<b>no</b> key")}`);
    await page.getByText("does not look like an API key").waitFor();
    expect(page.url()).not.toContain("key=");
    expect(complaints).toEqual([]);
  });
});

describe("With the development key", () => {
  it("takes the key out of the address", async () => {
    await openWithKey();
    expect(page.url()).toBe(`${server.url}/`);
    expect(complaints).toEqual([]);
  });

  it("shows a sample order become confirmed, in the table, the counters and its panel, without a reload", async () => {
    await openWithKey();
    await page.locator("#count-processed", { hasText: /^\d+$/ }).waitFor();
    const before = await processed();

    const id = await submitSample("Sample: confirmed");
    const row = page.locator(`#row-${id}`);
    await row.locator("[data-status=confirmed]").waitFor();
    await expect.poll(processed, { timeout: PATIENCE_MS }).toBe(before + 1);

    await row.getByRole("link").click();
    await page.locator("#order-headline [data-status=confirmed]").waitFor();
    expect(page.url()).toContain(`#order=${id}`);
    const timeline = page.locator("#order-timeline");
    for (const line of ["Accepted", "Authorize payment: done", "Send confirmation: done"]) await timeline.getByText(line).waitFor();
    expect(await page.locator("#order-steps li").count()).toBe(7);
    expect(await page.locator("#order-steps li[data-state=succeeded]").count()).toBe(7);
    expect(complaints).toEqual([]);
  });

  it("lets a person decide about a held order", async () => {
    await openWithKey();
    const id = await submitSample("Sample: held for review (large amount)");
    await page.locator("#sample-notice a").click();
    const panel = page.getByRole("complementary", { name: id });
    await panel.locator("#order-headline [data-status=held]").waitFor();
    await panel.getByText(/^Held for a person by the risk screening/).waitFor();

    await panel.getByRole("button", { name: "Reject …" }).click();
    await panel.getByLabel("Reason").fill("Looks like a mistake.");
    await panel.getByRole("button", { name: "Reject", exact: true }).click();

    await panel.locator("#order-headline [data-status=failed]").waitFor();
    await panel.getByText("Looks like a mistake.").first().waitFor();
    expect(await panel.locator("#order-actions button").count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  it("moves an order through the stages of its track to its end", async () => {
    await openWithKey();
    await submitSample("Sample: confirmed");
    await page.locator("#sample-notice a").click();
    await page.locator("#order-headline [data-status=confirmed]").waitFor();
    const track = (await page.locator("#order-facts").getByText("bakery").count()) > 0 ? "bakery" : "retail";
    for (const { name } of TRACKS[track]?.stages ?? [])
      await page.getByRole("button", { name: `Advance to ${name.replaceAll("_", " ")}` }).click();
    await page.locator("#order-headline [data-status=completed]").waitFor();
    expect(await page.locator("#order-actions button").count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  it("opens an order from a link, and says when there is none", async () => {
    await openWithKey("&order=ord_00000000000000000000000000");
    await page.getByText("no such order").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("#panel").waitFor({ state: "hidden" });
    expect(page.url()).toBe(`${server.url}/`);
    await page.getByLabel("Order id").fill("../stats");
    await page.keyboard.press("Enter");
    await page.getByText("not the id of an order").waitFor();
  });

  it("shows only the orders of the status that is asked for", async () => {
    await openWithKey();
    const id = await submitSample("Sample: the card is declined");
    await page.locator(`#row-${id} [data-status=failed]`).waitFor();
    await page.getByRole("button", { name: "failed", exact: true }).first().click();
    await expect
      .poll(() =>
        page.locator("#orders [data-status]").evaluateAll((marks) => [...new Set(marks.map((mark) => mark.getAttribute("data-status")))]),
      )
      .toEqual(["failed"]);
    expect(complaints).toEqual([]);
  });

  it("says that it resynchronised when a frame is missing", async () => {
    let lost: number | null = null;
    await page.routeWebSocket("**/v1/stats/live*", (socket) => {
      const upstream = socket.connectToServer();
      let greeted: number | null = null;
      upstream.onMessage((message) => {
        // Rates decay in frames that have no number of their own: one of the lost number would fill the gap.
        const number = Number(/"seq":(\d+)/.exec(String(message))?.[1] ?? Number.NaN);
        greeted ??= number;
        if (lost === null && number > greeted) lost = number;
        if (number !== lost) socket.send(message);
      });
    });
    await openWithKey();
    await submitSample("Sample: confirmed");
    // One frame may tell of both orders: the second is placed when the first one's frame is lost.
    await expect.poll(() => lost, { timeout: PATIENCE_MS }).not.toBeNull();
    await submitSample("Sample: confirmed");
    await page.getByText(/resynchronised .* caught up on \d+ change/).waitFor();
  });

  it("notices a connection that is dead without having been closed", async () => {
    let connections = 0;
    await page.routeWebSocket("**/v1/stats/live*", (socket) => {
      const isDead = connections++ === 0;
      const upstream = socket.connectToServer();
      let greeted = false;
      upstream.onMessage((message) => {
        if (!isDead || !greeted) socket.send(message);
        greeted = true;
      });
    });
    await openWithKey();
    await page.locator("#count-processed", { hasText: /^\d+$/ }).waitFor();
    // It asks every half minute by itself, and at once when the network is said to be gone.
    await page.evaluate("window.dispatchEvent(new Event('offline'))");
    await expect.poll(() => connections, { timeout: PATIENCE_MS }).toBe(2);
    await connectionIs("live");
    expect(complaints).toEqual([]);
  });

  it("comes back by itself after the server was gone, and asks for what it missed", async () => {
    const sockets: string[] = [];
    page.on("websocket", (socket) => sockets.push(socket.url()));
    await openWithKey();
    await page.locator("#count-processed", { hasText: /^\d+$/ }).waitFor();
    const before = await processed();
    await server.kill();
    await connectionIs("reconnecting in");
    server = await startServer({ persistTo: server.persistTo, port: Number(new URL(server.url).port) });
    await connectionIs("live");
    expect(sockets[0]).not.toContain("after=");
    expect(sockets.at(-1)).toMatch(/\?after=\d+$/);
    await submitSample("Sample: confirmed");
    await expect.poll(processed, { timeout: PATIENCE_MS }).toBeGreaterThan(before);
  });
});

describe("On a telephone", () => {
  it("fits the screen without scrolling sideways, and the panel covers the page", async () => {
    const width = () => page.evaluate("document.documentElement.scrollWidth");
    await page.setViewportSize({ width: 375, height: 700 });
    await page.goto(server.url);
    await page.getByLabel("API key").waitFor();
    expect(await width()).toBe(375);
    await openWithKey();
    const id = await submitSample("Sample: confirmed");
    await page.locator(`#row-${id}`).waitFor();
    expect(await width()).toBe(375);
    await page.locator("#sample-notice a").click();
    await page.locator("#order-headline [data-status]").first().waitFor();
    expect(await page.locator("#main").getAttribute("inert")).not.toBeNull();
    await page.getByRole("button", { name: "Close the order" }).click();
    expect(await page.locator("#main").getAttribute("inert")).toBeNull();
    expect(complaints).toEqual([]);
  });
});

describe("The API documentation", () => {
  it("shows every operation of the contract, and has the key of the tab", async () => {
    await openWithKey();
    await page.getByRole("link", { name: "API docs" }).click();
    const contract = (await (await fetch(`${server.url}/openapi.json`)).json()) as { paths: Record<string, object> };
    const operations = Object.values(contract.paths).reduce((sum, methods) => sum + Object.keys(methods).length, 0);
    await page.getByText("Submit an order").first().waitFor();
    expect(await page.locator("rapi-doc [part^='section-operation ']").count()).toBe(operations);
    await page.getByText("1 API key applied").waitFor();
    expect(complaints).toEqual([]);
  });
});

/** A module of the console, in Node: these touch no page. */
const consoleModule = async (name: string): Promise<Record<string, unknown>> =>
  import(new URL(`../../src/console/${name}`, import.meta.url).href);

describe("How values read", () => {
  it("gives every currency its own digits", async () => {
    const { money } = (await consoleModule("format.js")) as { money: (minor: number, currency: string) => string };
    expect(["GBP", "JPY", "KWD"].map((currency) => money(1234, currency).replace(/[^\d.,]/g, ""))).toEqual(["12.34", "1,234", "1.234"]);
  });

  it("shows a span in at most two units", async () => {
    const { duration } = (await consoleModule("format.js")) as { duration: (ms: number) => string };
    expect([0, 999, 1_250, 59_999, 125_000, 3_600_000, 90_000_000].map(duration)).toEqual([
      "0 ms",
      "999 ms",
      "1.2 s",
      "59 s",
      "2 min 5 s",
      "1 h",
      "1 d 1 h",
    ]);
  });

  it("counts the frames that are missing, and none when a number is repeated", async () => {
    type Missed = (frame: { seq: number; gap?: boolean }, seq: number | null) => number;
    const { missedBefore } = (await consoleModule("socket.js")) as { missedBefore: Missed };
    expect([missedBefore({ seq: 9 }, null), missedBefore({ seq: 6 }, 5), missedBefore({ seq: 5 }, 5)]).toEqual([0, 0, 0]);
    expect([missedBefore({ seq: 8 }, 5), missedBefore({ seq: 8, gap: true }, 5), missedBefore({ seq: 2 }, 5)]).toEqual([2, 3, 1]);
  });
});

describe("What the console repeats of the server's rules", () => {
  it("has a button for every action but a correction, and shows those that it is told", async () => {
    type Buttons = (order: { actions: readonly string[]; nextStage: string | null }) => { command: string; label: string }[];
    const { buttonsFor } = (await consoleModule("vocabulary.js")) as { buttonsFor: Buttons };
    const commands = (actions: readonly string[]) => buttonsFor({ actions, nextStage: "baking" }).map(({ command }) => command);
    expect(commands(Action.options)).toEqual(Action.options.filter((action) => action !== "correct"));
    expect(commands(["cancel"])).toEqual(["cancel"]);
    expect(commands([])).toEqual([]);
    expect(buttonsFor({ actions: ["stage"], nextStage: "baking" })).toMatchObject([{ label: "Advance to baking" }]);
  });

  it("offers every magic value of the sandbox", async () => {
    const { SCENARIOS } = await consoleModule("sample.js");
    const offered = Object.values(SCENARIOS as Record<string, { token?: string; postalCode?: string }[]>)
      .flat()
      .flatMap(({ token, postalCode }) => [token, postalCode])
      .filter((value) => value !== undefined);
    expect(offered.sort()).toEqual(MAGIC_VALUES.map(({ value }) => value).sort());
  });
});
