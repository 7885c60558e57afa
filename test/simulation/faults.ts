/**
 * What goes wrong in a world, drawn from its seed before anything happens. Each seed switches a part of the faults on and
 * draws how likely they are (swarm testing: Groce et al., ISSTA 2012), because a world in which everything fails a little
 * never sees what one fault does when it is frequent.
 */

import { LANES } from "../../src/contract/lanes.ts";
import type { ProviderName } from "../../src/contract/order.ts";
import { between, chance, type Draw, drawsFor, whole } from "../chaos/random.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** All that happens to a message between its sender and its consumer. */
export interface WireFaults {
  readonly loss: number;
  readonly doubled: number;
  readonly delayed: number;
  readonly delayMaxMs: number;
  /** The send itself rejects. */
  readonly refused: number;
}

/** A stretch of time in which something does not work. Times in milliseconds since the world began. */
export interface Outage {
  /** A provider, `history`, `counters`, or the name of a queue. */
  readonly what: string;
  readonly from: number;
  readonly to: number;
  /** Of a provider: whether it answers with an error, or not at all. */
  readonly silent: boolean;
}

/** Probabilities are per occasion: per message, per call, per commit, per alarm. */
export interface Faults {
  readonly hints: WireFaults;
  readonly changes: WireFaults;
  /** The consumer dies with a delivery in its hands: nothing is acknowledged, whatever was done. */
  readonly consumerDies: number;
  /** The consumer goes on before an order's run has ended. */
  readonly hintLeft: number;
  /** A request to an actor is lost, or its answer is. */
  readonly requestLost: number;
  readonly answerLost: number;
  /** An actor dies between two of its awaits. */
  readonly kill: number;
  /** An idle actor is evicted, per minute. */
  readonly evict: number;
  /** All actors are restarted at once, at these times. */
  readonly deploys: readonly number[];
  /** A write throws and the process dies; it throws and the process lives on; it is rolled back later; it holds, and nobody knows. */
  readonly writeThrows: number;
  readonly writeRefused: number;
  readonly writeLost: number;
  readonly writeUnanswered: number;
  readonly alarmDelayed: number;
  readonly alarmDelayMaxMs: number;
  readonly alarmDoubled: number;
  readonly alarmLost: number;
  /** How far an incarnation's clock may be off, either way. */
  readonly skewMaxMs: number;
  readonly callFailsBefore: number;
  readonly callFailsAfter: number;
  /** The effect comes late, and the answer after it; or only the answer comes late; or never. */
  readonly effectLate: number;
  readonly effectLateMaxMs: number;
  readonly answerLate: number;
  readonly neverAnswers: number;
  readonly callThrows: number;
  /** Somebody commands an order while it asks the history whether that has caught up, or cancels it when a write was refused. */
  readonly meddling: number;
  /** Whether providers refuse a do that arrives after its undo. Those that do not only do late what they still can tell of. */
  readonly fencing: boolean;
  readonly outages: readonly Outage[];
  /** A person pauses a provider for some time. */
  readonly pauses: readonly Outage[];
  readonly socketDrops: number;
}

const CALM_WIRE: WireFaults = { loss: 0, doubled: 0, delayed: 0, delayMaxMs: 0, refused: 0 };

/** Nothing goes wrong any more; what was under way when it went wrong still arrives. */
export const calm = (faults: Faults): Faults => ({
  ...faults,
  hints: CALM_WIRE,
  changes: CALM_WIRE,
  consumerDies: 0,
  hintLeft: 0,
  requestLost: 0,
  answerLost: 0,
  kill: 0,
  evict: 0,
  deploys: [],
  writeThrows: 0,
  writeRefused: 0,
  writeLost: 0,
  writeUnanswered: 0,
  alarmDelayed: 0,
  alarmDoubled: 0,
  alarmLost: 0,
  callFailsBefore: 0,
  callFailsAfter: 0,
  effectLate: 0,
  answerLate: 0,
  neverAnswers: 0,
  callThrows: 0,
  meddling: 0,
  outages: [],
  pauses: [],
  socketDrops: 0,
});

const PROVIDERS: readonly ProviderName[] = ["payment", "inventory", "fulfilment", "notification"];
const QUEUES = [...Object.values(LANES).map(({ queues }) => Object.values(queues)[0] as string), "orders-dead-letter", "order-events"];

/** @param lastsMs how long faults happen at all */
export function drawFaults(seed: number, lastsMs: number): Faults {
  const draw = drawsFor(seed, "faults");
  const half = 0.5;
  /** Off in every other seed, or as `likely` says; else between a thirtieth of `most` and `most`, small values being as likely as large ones. */
  const rate = (most: number, likely = half): number => {
    const on = chance(draw, likely);
    const magnitude = 10 ** between(draw, -1.5, 0);
    return on ? Number((most * magnitude).toPrecision(3)) : 0;
  };
  const wire = (): WireFaults => ({
    loss: rate(0.7),
    doubled: rate(0.5),
    delayed: rate(0.5),
    delayMaxMs: Math.round(between(draw, 5 * SECOND, 10 * MINUTE)),
    refused: rate(0.3),
  });
  return {
    hints: wire(),
    changes: wire(),
    consumerDies: rate(0.3),
    requestLost: rate(0.2),
    answerLost: rate(0.2),
    kill: rate(0.2),
    evict: rate(0.5),
    deploys: drawTimes(draw, lastsMs, 3),
    writeThrows: rate(0.1),
    writeRefused: rate(1, 0.7),
    writeLost: rate(0.1),
    writeUnanswered: rate(0.1),
    alarmDelayed: rate(0.5),
    alarmDelayMaxMs: Math.round(between(draw, SECOND, 5 * MINUTE)),
    alarmDoubled: rate(0.4),
    alarmLost: rate(0.5),
    skewMaxMs: chance(draw, half) ? 0 : Math.round(10 ** between(draw, 1, 4.5)),
    callFailsBefore: rate(0.5),
    callFailsAfter: rate(0.5),
    effectLate: rate(0.9, 0.7),
    effectLateMaxMs: Math.round(between(draw, 11 * SECOND, 10 * MINUTE)),
    answerLate: rate(0.3),
    neverAnswers: rate(0.2),
    callThrows: rate(0.1),
    meddling: rate(1, 0.7),
    fencing: chance(draw, half),
    outages: [
      ...PROVIDERS.flatMap((what) => drawOutages(draw, what, lastsMs, 0.15, 60 * MINUTE)),
      ...drawOutages(draw, "history", lastsMs, 0.3, 30 * MINUTE),
      ...drawOutages(draw, "counters", lastsMs, 0.2, 20 * MINUTE),
      ...QUEUES.flatMap((what) => drawOutages(draw, what, lastsMs, 0.2, 30 * MINUTE)),
    ],
    pauses: PROVIDERS.flatMap((what) => drawOutages(draw, what, lastsMs, 0.08, 20 * MINUTE)),
    socketDrops: rate(0.3),
    hintLeft: rate(1),
  };
}

function drawTimes(draw: Draw, until: number, most: number): number[] {
  const count = chance(draw, 0.5) ? 0 : whole(draw, 1, most);
  return Array.from({ length: count }, () => whole(draw, 0, until));
}

/** None, one or two stretches, of which the longest is `longestMs`. */
function drawOutages(draw: Draw, what: Outage["what"], lastsMs: number, likely: number, longestMs: number): Outage[] {
  const count = chance(draw, likely) ? whole(draw, 1, 2) : 0;
  return Array.from({ length: count }, () => {
    const from = whole(draw, 0, lastsMs);
    const length = Math.round(longestMs * 10 ** between(draw, -2, 0));
    return { what, from, to: Math.min(lastsMs, from + length), silent: chance(draw, 0.4) };
  });
}
