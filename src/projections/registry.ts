/**
 * The registry of projections: what is fed by the queue of order events. The history is the last, as the watermark by which
 * orders settle. A projection that may lag behind the others belongs on a queue of its own, since it would hold up the watermark.
 */
import { type CounterActors, countersProjection } from "./counters/projection.ts";
import type { HistoryBindings } from "./history/databases.ts";
import { historyProjection } from "./history/projector.ts";
import type { Projection } from "./projection.ts";

/** The bindings that the projections write to, besides the actors of the counters. */
export interface ProjectionBindings extends HistoryBindings {
  readonly METER?: string;
}

export const projectionsOf = (bindings: ProjectionBindings, counters: CounterActors): readonly Projection[] => [
  countersProjection(counters),
  historyProjection(bindings),
];
