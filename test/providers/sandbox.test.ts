import { describe, expect, it } from "vitest";
import { MAGIC_VALUES, type MagicValue, SandboxFaults, sandbox, sandboxFaultsFrom } from "../../src/providers/sandbox.ts";
import { callOf, orderOf } from "./calls.ts";

const orderWith = ({ port, value }: Pick<MagicValue, "port" | "value">) =>
  port === "payment" ? orderOf({ payment: { token: value } }) : orderOf({ shipTo: { country: "GB", postalCode: value } });

describe("A magic value", () => {
  const quick = MAGIC_VALUES.filter(({ behaviour }) => behaviour.kind === "refuse" || behaviour.kind === "fail");

  it.each(quick)("$value: $meaning", async (magic) => {
    const provider = sandbox(magic.port);
    const [step] = magic.steps;
    if (!step) throw new Error("a magic value concerns a step");
    const order = orderWith(magic);
    const answers = [];
    for (const attempt of [1, 2, 3, 4]) answers.push(await provider(callOf(step, { order, attempt })));
    const expected = magic.behaviour;
    for (const [index, answer] of answers.entries()) {
      if (expected.kind === "refuse") expect(answer).toMatchObject({ outcome: "refused", refusal: { reason: expected.reason } });
      else if (expected.kind === "fail" && index < (expected.attempts ?? 4))
        expect(answer).toMatchObject({ outcome: "failed", failure: expected.failure });
      else expect(answer.outcome).toBe("succeeded");
    }
  });

  it("concerns its own step only, so that what it broke can be undone", async () => {
    const order = orderWith({ port: "payment", value: "tok_down" });
    expect(await sandbox("payment")(callOf("void", { order }))).toMatchObject({ outcome: "succeeded" });
    const declined = orderWith({ port: "payment", value: "tok_capture_declined" });
    expect(await sandbox("payment")(callOf("authorize", { order: declined }))).toMatchObject({ outcome: "succeeded" });
  });

  it("may stand in the city instead of the postal code", async () => {
    const order = orderOf({ shipTo: { country: "GB", city: "UNROUTABLE" } });
    expect(await sandbox("fulfilment")(callOf("route", { order }))).toMatchObject({ refusal: { reason: "no_route" } });
  });

  it("makes a slow answer slow and nothing else", async () => {
    const startedAt = Date.now();
    const order = orderWith({ port: "payment", value: "tok_slow" });
    expect(await sandbox("payment")(callOf("authorize", { order }))).toMatchObject({ outcome: "succeeded" });
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(990);
  });

  it("is listed once, with words for a person", () => {
    expect(new Set(MAGIC_VALUES.map(({ value }) => value)).size).toBe(MAGIC_VALUES.length);
    for (const { meaning } of MAGIC_VALUES) expect(meaning).not.toBe("");
  });
});

describe("The reference of a sandbox", () => {
  it("follows from the key alone", async () => {
    const order = orderOf();
    const [one, same] = [
      await sandbox("payment")(callOf("authorize", { order })),
      await sandbox("payment")(callOf("authorize", { order })),
    ];
    expect(one).toEqual(same);
    expect(one).toMatchObject({ facts: { reference: expect.stringMatching(/^pay_[0-9a-f]{20}$/) } });
    expect(await sandbox("payment")(callOf("capture", { order }))).not.toEqual(one);
  });
});

describe("Faults that are switched on", () => {
  const faults = sandboxFaultsFrom('{"payment":{"transient":0.1,"unknownBeforeEffect":0.2,"unknownAfterEffect":0.3}}').payment;
  const drawing = (draw: number) => sandbox("payment", { faults, random: () => draw })(callOf("authorize"));

  it("fail the share of calls that they name, each in its own class", async () => {
    expect(await drawing(0.05)).toMatchObject({ failure: "transient" });
    expect(await drawing(0.25)).toMatchObject({ failure: "unknown", detail: expect.stringContaining("call was lost") });
    expect(await drawing(0.55)).toMatchObject({ failure: "unknown", detail: expect.stringContaining("answer was lost") });
    expect(await drawing(0.65)).toMatchObject({ outcome: "succeeded" });
  });

  it("take the time that they name", async () => {
    const slow = sandboxFaultsFrom('{"fulfilment":{"latencyMs":[40,60]}}').fulfilment;
    const startedAt = Date.now();
    await sandbox("fulfilment", { faults: slow, random: () => 0.5 })(callOf("route"));
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(45);
  });

  it("are none when the variable is empty, and an error when it is misspelt", () => {
    expect(sandboxFaultsFrom(undefined)).toEqual({});
    expect(sandboxFaultsFrom("")).toEqual({});
    for (const wrong of ["{", '{"payments":{}}', '{"payment":{"transient":2}}', '{"payment":{"transient":0.6,"unknownAfterEffect":0.6}}']) {
      expect(() => sandboxFaultsFrom(wrong), wrong).toThrow();
    }
    expect(SandboxFaults.safeParse({ payment: { latencyMs: [5, 1] } }).success).toBe(false);
  });
});
