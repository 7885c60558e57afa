/**
 * Payment and fulfilment for a system that has neither yet. A sandbox keeps no state: its answer is computed from the call's
 * idempotency key, so the same key has the same answer for ever, and an undo always succeeds. Magic values in an order force
 * each outcome, as card processors' test numbers do, and faults can be injected. It moves no money and ships nothing.
 */
import { z } from "zod";
import type { FailureKind } from "../contract/events.ts";
import type { Step } from "../contract/order.ts";
import type { LedgerReader, Provider, ProviderAnswer, ProviderCall } from "../domain/ports.ts";
import { random as dice } from "../platform/ambient.ts";
import { hex, sha256 } from "../platform/digest.ts";
import { failed, refused, succeeded } from "./answers.ts";
import { bounded } from "./bounded.ts";

export type SandboxPort = "payment" | "fulfilment";

type Behaviour =
  | { readonly kind: "refuse"; readonly reason: string; readonly detail: string }
  /** The first `attempts` attempts fail; without it every attempt does. */
  | { readonly kind: "fail"; readonly failure: FailureKind; readonly attempts?: number }
  | { readonly kind: "hang" }
  | { readonly kind: "wait"; readonly ms: number };

export interface MagicValue {
  readonly port: SandboxPort;
  /** Payment: `payment.token`. Fulfilment: `shipTo.postalCode` or `shipTo.city`. Any other value succeeds. */
  readonly value: string;
  readonly steps: readonly Step[];
  readonly behaviour: Behaviour;
  readonly meaning: string;
}

/** How often a flaky value fails before it works: fewer times than any lane retries. */
const FLAKY_ATTEMPTS = 2;
/** Long enough for a person to see the order wait. */
const SLOW_MS = 1_000;

const refuse = (reason: string, detail: string): Behaviour => ({ kind: "refuse", reason, detail });
const flaky: Behaviour = { kind: "fail", failure: "transient", attempts: FLAKY_ATTEMPTS };
const down: Behaviour = { kind: "fail", failure: "transient" };
const poison: Behaviour = { kind: "fail", failure: "poison" };
const hang: Behaviour = { kind: "hang" };
const slow: Behaviour = { kind: "wait", ms: SLOW_MS };

const magic =
  (port: SandboxPort) =>
  (value: string, steps: readonly Step[], behaviour: Behaviour, meaning: string): MagicValue => ({
    port,
    value,
    steps,
    behaviour,
    meaning,
  });
const payment = magic("payment");
const fulfilment = magic("fulfilment");

/** The magic values. What each does, for a reader: `docs/providers.md`. */
export const MAGIC_VALUES: readonly MagicValue[] = [
  payment("tok_declined", ["authorize"], refuse("card_declined", "the issuer declined the card"), "the card is declined"),
  payment(
    "tok_insufficient_funds",
    ["authorize"],
    refuse("insufficient_funds", "the account does not cover the amount"),
    "not enough money",
  ),
  payment(
    "tok_capture_declined",
    ["capture"],
    refuse("capture_declined", "the authorization was withdrawn"),
    "authorized, but the capture is refused: everything is undone",
  ),
  payment("tok_flaky", ["authorize"], flaky, `fails ${FLAKY_ATTEMPTS} times, then works`),
  payment("tok_slow", ["authorize"], slow, `answers after ${SLOW_MS} ms`),
  payment("tok_timeout", ["authorize"], hang, "never answers: retried, then undone or parked"),
  payment("tok_down", ["authorize"], down, "always unavailable: parked when its retries are used up"),
  payment("tok_poison", ["authorize"], poison, "can never work: parked at once"),
  payment("tok_undo_down", ["void", "refund"], down, "works, but void and refund are always unavailable: an undo that cannot finish"),
  fulfilment("UNROUTABLE", ["route"], refuse("no_route", "no carrier serves this address"), "no carrier goes there"),
  fulfilment("ROUTE-FLAKY", ["route"], flaky, `fails ${FLAKY_ATTEMPTS} times, then works`),
  fulfilment("ROUTE-SLOW", ["route"], slow, `answers after ${SLOW_MS} ms`),
  fulfilment("ROUTE-TIMEOUT", ["route"], hang, "never answers"),
  fulfilment("ROUTE-DOWN", ["route"], down, "always unavailable"),
  fulfilment("ROUTE-POISON", ["route"], poison, "can never work"),
];

const probability = z.number().min(0).max(1).default(0);
const milliseconds = z.int().min(0).max(60_000);

const PortFaults = z
  .strictObject({
    /** Share of the calls that fail without an effect. */
    transient: probability,
    /** Shares of the calls whose outcome stays unknown: the request is lost, or the answer is. */
    unknownBeforeEffect: probability,
    unknownAfterEffect: probability,
    /** The least and the most that a call takes; uniform in between. */
    latencyMs: z
      .tuple([milliseconds, milliseconds])
      .refine(([least, most]) => least <= most, "must be [least, most]")
      .default([0, 0]),
  })
  .refine(
    (faults) => faults.transient + faults.unknownBeforeEffect + faults.unknownAfterEffect <= 1,
    "the shares must not exceed 1 together",
  );
export type PortFaults = z.infer<typeof PortFaults>;

export const SandboxFaults = z.strictObject({ payment: PortFaults.optional(), fulfilment: PortFaults.optional() });
export type SandboxFaults = z.infer<typeof SandboxFaults>;

/**
 * @param json the variable `SANDBOX_FAULTS`, such as `{"payment":{"transient":0.1,"latencyMs":[5,50]}}`; empty or absent: none
 * @throws when the variable does not fit: a drill with a misspelt fault must not pass as if there had been one
 */
export const sandboxFaultsFrom = (json: string | undefined): SandboxFaults => (json ? SandboxFaults.parse(JSON.parse(json)) : {});

export interface SandboxOptions {
  readonly faults?: PortFaults | undefined;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
}

export function sandbox(port: SandboxPort, { faults, random = dice }: SandboxOptions = {}): Provider {
  return bounded(async (call) => {
    if (!faults) return behave(port, call);
    const [least, most] = faults.latencyMs;
    if (most > 0) await pause(least + random() * (most - least), call.signal);
    const draw = random();
    if (draw < faults.transient) return failed("transient", "injected: unavailable");
    if (draw < faults.transient + faults.unknownBeforeEffect) return failed("unknown", "injected: the call was lost");
    const answer = await behave(port, call);
    const lost = draw < faults.transient + faults.unknownBeforeEffect + faults.unknownAfterEffect;
    return lost ? failed("unknown", "injected: the answer was lost") : answer;
  });
}

/** For providers without a ledger: the sandboxes, which keep no state, and the email binding. */
export const noLedger: LedgerReader = async () => ({ outcome: "unsupported" });

async function behave(port: SandboxPort, call: ProviderCall): Promise<ProviderAnswer> {
  const wanted = magicOf(port, call);
  switch (wanted?.kind) {
    case "refuse":
      return refused(wanted.reason, wanted.detail);
    case "fail":
      if (call.attempt <= (wanted.attempts ?? Number.POSITIVE_INFINITY))
        return failed(wanted.failure, `sandbox: ${wanted.failure} on request`);
      break;
    case "hang":
      return new Promise(() => {});
    case "wait":
      await pause(wanted.ms, call.signal);
      break;
    case undefined:
      break;
  }
  return succeeded({ reference: await referenceOf(port, call.key) });
}

function magicOf(port: SandboxPort, { step, order }: ProviderCall): Behaviour | undefined {
  const said = port === "payment" ? [order.payment.token] : [order.shipTo.postalCode, order.shipTo.city];
  return MAGIC_VALUES.find((row) => row.port === port && row.steps.includes(step) && said.includes(row.value))?.behaviour;
}

const PREFIX: Readonly<Record<SandboxPort, string>> = { payment: "pay", fulfilment: "ship" };

/** 80 bits, so that no two keys of a sandbox ever get the same reference. */
const REFERENCE_BYTES = 10;

async function referenceOf(port: SandboxPort, key: string): Promise<string> {
  return `${PREFIX[port]}_${hex((await sha256(key)).subarray(0, REFERENCE_BYTES))}`;
}

/** Resolves after `ms`, or as soon as the signal aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
