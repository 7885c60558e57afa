/** A small `npm run chaos`: two kills of the runtime under load, failing providers, and every law checked afterwards. */
import { describe, expect, it } from "vitest";
import { planChaos } from "../chaos/plan.ts";
import { runChaos } from "../chaos/run.ts";

const PLAN = planChaos({ seed: 1, orders: 120, kills: 2 });

describe("When the runtime is killed under load", () => {
  it("loses no acknowledged order, doubles no effect and brings every order to its end", async ({ signal }) => {
    const said: string[] = [];
    const result = await runChaos(PLAN, { say: (sentence) => said.push(sentence), signal });
    expect(result.problems, [...said, ...result.stories].join("\n")).toEqual([]);
    expect(result.acknowledged).toBe(PLAN.orders.length);

    // The test could not have failed if nothing had gone wrong.
    expect(result.outages).toHaveLength(2);
    expect(result.weather.unanswered).toBeGreaterThan(0);
    expect(result.repeatedKeys).toBeGreaterThan(0);
    expect(result.histories.orders).toBe(PLAN.orders.length);
    expect(result.histories.operations).toBeGreaterThan(3 * PLAN.orders.length);
    expect(result.byStatus.confirmed).toBeGreaterThan(PLAN.orders.length / 2);
  });
});
