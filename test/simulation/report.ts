/** What a run of the simulator says: totals with proof that faults happened, one broken seed in full, the table of planted bugs. */
import { table } from "../../scripts/figures.ts";
import { OrderEvent } from "../../src/contract/events.ts";
import { OrderStatus } from "../../src/contract/order.ts";
import type { Mutation } from "./mutations.ts";
import type { SeedReport } from "./world.ts";

/** Of a broken seed, how much of the end of its subject's story is shown. */
const LAST_LINES = 60;

export class Summary {
  readonly #startedAt = performance.now();
  readonly #injected = new Map<string, number>();
  readonly #statuses = new Map<string, number>();
  readonly #eventTypes = new Map<string, number>();
  /** In how many worlds each thing met an order of each status. */
  readonly #met = new Map<string, number>();
  #seeds = 0;
  #orders = 0;
  #events = 0;
  #simulatedMs = 0;
  #slowestMs = 0;

  add(report: SeedReport): void {
    this.#seeds++;
    this.#orders += report.orders;
    this.#events += report.events;
    this.#simulatedMs += report.simulatedMs;
    this.#slowestMs = Math.max(this.#slowestMs, report.recoveryMs);
    addAll(this.#injected, report.injected);
    addAll(this.#statuses, report.statuses);
    addAll(this.#eventTypes, report.eventTypes);
    for (const pair of report.met) this.#met.set(pair, (this.#met.get(pair) ?? 0) + 1);
  }

  /** Faults and commands by the status of the order that met them: in how many worlds, and which pairs no world had. */
  coverage(): string {
    const kinds = [...new Set([...this.#met.keys()].map((pair) => pair.split(" | ")[1] ?? ""))].sort();
    const rows = kinds.map((kind) => [kind, ...OrderStatus.options.map((status) => String(this.#met.get(`${status} | ${kind}`) ?? "-"))]);
    const missing = kinds.flatMap((kind) =>
      OrderStatus.options.filter((status) => !this.#met.has(`${status} | ${kind}`)).map((status) => `${status} | ${kind}`),
    );
    return [
      table(["fault or command", ...OrderStatus.options], rows),
      "",
      `pairs that no world met: ${missing.length === 0 ? "none" : missing.length}`,
      ...missing.map((pair) => `  ${pair}`),
    ].join("\n");
  }

  /** How far a run of `count` seeds is, in one line. */
  progress(count: number, broken: number): string {
    const secondsLeft = ((performance.now() - this.#startedAt) / 1_000 / this.#seeds) * (count - this.#seeds);
    const left = Number.isFinite(secondsLeft) ? `, some ${Math.ceil(secondsLeft / 60)} min left` : "";
    return `${this.#seeds} of ${count} seeds, ${broken} of them broken${left}`;
  }

  text(): string {
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    return [
      `seeds ${this.#seeds}, orders ${this.#orders}, events ${this.#events}, simulated ${Math.round(this.#simulatedMs / 3_600_000)} h in ${seconds.toFixed(1)} s`,
      `slowest recovery after the last fault: ${(this.#slowestMs / 60_000).toFixed(1)} min`,
      "",
      "faults injected",
      ...[...this.#injected].sort(([a], [b]) => (a < b ? -1 : 1)).map(([kind, count]) => `${String(count).padStart(9)}  ${kind}`),
      "",
      `statuses reached      ${coverage(this.#statuses, OrderStatus.options)}`,
      `event types committed ${coverage(
        this.#eventTypes,
        OrderEvent.options.map((option) => option.shape.type.value),
      )}`,
    ].join("\n");
  }
}

/** What one world met, in one line. */
export function seedLine({ seed, orders, events, met, statuses }: SeedReport): string {
  const kinds = new Set(met.map((pair) => pair.split(" | ")[1]));
  return `seed ${seed}: ${orders} orders, ${events} events; statuses ${Object.keys(statuses).join(", ")}; met ${[...kinds].sort().join(", ")}`;
}

/** A seed as somebody who has to find the bug wants it: the faults first, then the law, then the story. */
export function brokenSeed({ seed, faults, violations, trace, digest, events, orders }: SeedReport): string {
  const on = Object.entries(faults).filter(([, value]) => value !== 0 && !(Array.isArray(value) && value.length === 0));
  const [first] = violations;
  return [
    `\nseed ${seed}: ${orders} orders, ${events} events, digest ${digest}`,
    "faults of this seed",
    ...on.map(([name, value]) => `  ${name}: ${JSON.stringify(value)}`),
    ...(first ? violations : []).map(({ law, subject, evidence }) => `LAW ${law} BROKEN by ${subject}: ${evidence}`),
    ...(first ? [`the last that happened to ${first.subject} (milliseconds since the world began)`] : ["no law was broken"]),
    ...(first ? trace.filter((line) => line.includes(first.subject)).slice(-LAST_LINES) : []).map((line) => `  ${line}`),
    ...(first ? [`replay: npm run simulate -- --seed ${seed} --verbose`] : []),
  ].join("\n");
}

export interface Caught {
  readonly mutation: Mutation;
  /** How many were run. */
  readonly seeds: number;
  /** Of the seed that broke a law; null when none did. */
  readonly report: SeedReport | null;
}

export function mutationTable(caught: readonly Caught[]): string {
  const rows = caught.map(({ mutation, seeds, report }) => {
    const violation = report?.violations[0];
    const verdict = violation
      ? [`law ${violation.law}`, String(report.seed), violation.evidence.split("\n")[0]?.replaceAll("|", "/").slice(0, 110) ?? ""]
      : [`**survives ${seeds} seeds**`, "", ""];
    return [mutation.bug, `\`${mutation.file}\``, ...verdict];
  });
  return table(["planted bug", "in", "caught by", "at seed", "as"], rows);
}

function addAll(to: Map<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) to.set(name, (to.get(name) ?? 0) + count);
}

function coverage(reached: ReadonlyMap<string, number>, all: readonly string[]): string {
  const missing = all.filter((name) => !reached.has(name));
  return `${all.length - missing.length} of ${all.length}${missing.length > 0 ? `; never: ${missing.join(", ")}` : ""}`;
}
