/**
 * What every adapter of every port must do, whatever is behind it. Each adapter's test file runs this suite on a `Subject`
 * and adds only what is its own.
 */
import { describe, expect, it } from "vitest";
import type { PlacedOrder } from "../../src/contract/events.ts";
import type { Step, UndoStep } from "../../src/contract/order.ts";
import type { Provider, ProviderAnswer, ProviderCall } from "../../src/domain/ports.ts";
import { callOf, orderOf } from "./calls.ts";

export interface Subject {
  readonly provider: Provider;
  /** The steps of this port that act, in the order in which the saga takes them. */
  readonly steps: readonly Step[];
  readonly undo: readonly UndoStep[];
  /** An order that succeeds; by default any does. */
  readonly order?: () => PlacedOrder;
  /** How many effects this step has had for the order; absent for an adapter that has none that could be seen. */
  readonly effects?: (order: PlacedOrder, step: Step) => number | Promise<number>;
  /** A call that this port refuses, and the reason it gives. */
  readonly refusal?: { readonly call: () => ProviderCall | Promise<ProviderCall>; readonly reason: string };
  /** A call that is never answered, and the provider that makes it if it is another one. */
  readonly hanging?: { readonly call: () => ProviderCall; readonly provider?: Provider };
  /** A provider whose outside world is broken: every call of it throws. */
  readonly broken?: Provider;
  /** A repeat may have another reference, because the outside names each repeat anew. */
  readonly renamesRepeats?: boolean;
}

/** How long a hanging call is given, and how much later an answer may come at most, in milliseconds. */
const PATIENCE_MS = 50;
const SLACK_MS = 1_000;

export function providerContract(name: string, prepare: () => Subject | Promise<Subject>): void {
  describe(`${name} as a provider`, () => {
    const placed = (subject: Subject) => subject.order?.() ?? orderOf();

    /** Takes the steps up to and including this one, as the saga would, with the facts of each handed to the next. */
    async function proceed(subject: Subject, order: PlacedOrder, upTo: Step | null): Promise<ProviderCall["facts"]> {
      const facts: Partial<Record<Step, object>> = {};
      for (const step of upTo === null ? [] : subject.steps.slice(0, subject.steps.indexOf(upTo) + 1)) {
        const answer = await subject.provider(callOf(step, { order, facts }));
        if (answer.outcome !== "succeeded") throw new Error(`${step}: ${JSON.stringify(answer)}`);
        facts[step] = answer.facts;
      }
      return facts;
    }

    it("has one effect and one answer however often the same key is called", async () => {
      const subject = await prepare();
      for (const step of subject.steps) {
        const order = placed(subject);
        const before = subject.steps[subject.steps.indexOf(step) - 1] ?? null;
        const facts = await proceed(subject, order, before);
        const first = await subject.provider(callOf(step, { order, facts }));
        const [second, third] = await Promise.all([
          subject.provider(callOf(step, { order, facts, attempt: 2 })),
          subject.provider(callOf(step, { order, facts, attempt: 3 })),
        ]);
        expect(first).toMatchObject({ outcome: "succeeded" });
        for (const repeat of [second, third]) {
          if (subject.renamesRepeats) expect(repeat?.outcome).toBe(first.outcome);
          else expect(repeat).toEqual(first);
        }
        if (subject.effects) expect(await subject.effects(order, step)).toBe(1);
      }
    });

    it("succeeds in undoing what never happened, and then in undoing it again", async () => {
      const subject = await prepare();
      const order = placed(subject);
      for (const step of subject.undo) {
        for (const attempt of [1, 2]) {
          expect(await subject.provider(callOf(step, { order, attempt }))).toMatchObject({ outcome: "succeeded" });
        }
      }
    });

    it("succeeds in undoing what happened, twice and under a further key", async () => {
      const subject = await prepare();
      for (const step of subject.undo) {
        const order = placed(subject);
        const facts = await proceed(subject, order, subject.steps.at(-1) ?? null);
        const key = `${order.orderId}:${step}`;
        for (const repeat of [key, key, `${key}:2`]) {
          expect(await subject.provider(callOf(step, { order, facts, key: repeat }))).toMatchObject({ outcome: "succeeded" });
        }
        if (subject.effects) expect(await subject.effects(order, step)).toBeLessThanOrEqual(1);
      }
    });

    it("answers a refusal with data", async () => {
      const { provider, refusal } = await prepare();
      if (!refusal) return;
      const call = await refusal.call();
      expect(await provider(call)).toMatchObject({ outcome: "refused", refusal: { reason: refusal.reason } });
      expect(await provider({ ...call, attempt: 2 })).toMatchObject({ outcome: "refused", refusal: { reason: refusal.reason } });
    });

    it("answers unknown when the attempt's time is up, and does so in time", async () => {
      const { provider, hanging } = await prepare();
      if (!hanging) return;
      const abort = new AbortController();
      const startedAt = Date.now();
      const timer = setTimeout(() => abort.abort(), PATIENCE_MS);
      const answer = await (hanging.provider ?? provider)({ ...hanging.call(), signal: abort.signal });
      clearTimeout(timer);
      expect(answer).toMatchObject({ outcome: "failed", failure: "unknown" });
      expect(Date.now() - startedAt).toBeLessThan(PATIENCE_MS + SLACK_MS);
    });

    it("does not begin a call whose time is already up", async () => {
      const subject = await prepare();
      const order = placed(subject);
      for (const step of subject.steps) {
        const answer = await subject.provider(callOf(step, { order, signal: AbortSignal.abort() }));
        expect(answer).toMatchObject({ outcome: "failed", failure: "unknown" });
        if (subject.effects) expect(await subject.effects(order, step)).toBe(0);
      }
    });

    it("never throws, whatever the outside does", async () => {
      const { broken, steps, undo } = await prepare();
      if (!broken) return;
      for (const step of [...steps, ...undo]) {
        const answer: ProviderAnswer = await broken(callOf(step));
        expect(answer).toMatchObject({ outcome: "failed" });
      }
    });
  });
}
