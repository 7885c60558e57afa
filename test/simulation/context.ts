/** What every part of a simulated world is handed: its time, its chance, its faults, and where to tell what happened. */
import { chance, type Draw, drawsFor } from "../chaos/random.ts";
import type { Violation } from "../oracle/evidence.ts";
import { calm, drawFaults, type Faults, type Outage } from "./faults.ts";
import { Loop } from "./loop.ts";

/** When every world begins; nothing depends on it. */
export const EPOCH = Date.parse("2026-11-27T08:00:00Z");

export class Context {
  readonly loop: Loop;
  readonly draw: Draw;
  /** How often each kind of fault really happened. */
  readonly injected = new Map<string, number>();
  /** What met orders in which status: `<status> | <fault or command>`. */
  readonly met = new Set<string>();
  /** The status of an order, or null for none; for `met`. */
  statusOf: (orderId: string) => string | null = () => null;
  readonly violations: Violation[] = [];
  faults: Faults;

  constructor(seed: number, faultsLastMs: number, recording: boolean) {
    this.loop = new Loop(EPOCH, recording);
    this.draw = drawsFor(seed, "world");
    this.faults = drawFaults(seed, faultsLastMs);
  }

  /** Whether a fault of this probability happens now; counted when it does. @param orderId whom it happens to */
  happens(kind: string, probability: number, orderId?: string): boolean {
    if (probability === 0 || !chance(this.draw, probability)) return false;
    this.count(kind, orderId);
    return true;
  }

  count(kind: string, orderId?: string): void {
    this.injected.set(kind, (this.injected.get(kind) ?? 0) + 1);
    if (orderId !== undefined) this.meets(kind, orderId);
  }

  /** An order meets a fault or a command. */
  meets(kind: string, orderId: string): void {
    const status = this.statusOf(orderId);
    if (status !== null) this.met.add(`${status} | ${kind}`);
  }

  /** The outage that this part of the world is in now. */
  outage(what: Outage["what"]): Outage | undefined {
    const elapsed = this.loop.now - EPOCH;
    return this.faults.outages.find((outage) => outage.what === what && outage.from <= elapsed && elapsed < outage.to);
  }

  /** Milliseconds between the two, whole. */
  latency(least: number, most: number): number {
    return Math.floor(least + this.draw() * (most - least));
  }

  /** Resolves after this many milliseconds of the world's time. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.loop.after(ms, resolve);
    });
  }

  /** From now on nothing goes wrong any more. */
  calmDown(): void {
    this.faults = calm(this.faults);
  }

  violated(violation: Violation): void {
    this.loop.trace(violation.subject, `VIOLATES LAW ${violation.law}: ${violation.evidence}`);
    this.violations.push(violation);
  }
}
