/** What happens to an order after it is confirmed: named stages, each with a time budget. Adding a track is adding a row here. */
import type { TrackName } from "../contract/order.ts";

export interface Stage {
  readonly name: string;
  /** How long an order may stay in this stage before a person is told, in milliseconds. */
  readonly budgetMs: number;
}

/** The budget of `confirmed` itself is how long the first stage may take to begin. The last stage ends the order. */
export interface Track {
  readonly firstStageWithinMs: number;
  readonly stages: readonly [Stage, ...Stage[]];
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export const TRACKS: Readonly<Record<TrackName, Track>> = {
  retail: {
    firstStageWithinMs: 24 * HOUR,
    stages: [
      { name: "picking", budgetMs: 24 * HOUR },
      { name: "packing", budgetMs: 12 * HOUR },
      { name: "shipped", budgetMs: 10 * 24 * HOUR },
      { name: "delivered", budgetMs: 0 },
    ],
  },
  bakery: {
    firstStageWithinMs: 10 * MINUTE,
    stages: [
      { name: "preparation", budgetMs: 20 * MINUTE },
      { name: "baking", budgetMs: 90 * MINUTE },
      { name: "quality_check", budgetMs: 15 * MINUTE },
      { name: "packaging", budgetMs: 20 * MINUTE },
      { name: "out_for_delivery", budgetMs: 2 * HOUR },
      { name: "delivered", budgetMs: 0 },
    ],
  },
};

export const trackOf = (name: TrackName): Track => TRACKS[name];

/** Whether a stage is one of the track's, or none has been reached yet. */
export const isInTrack = ({ stages }: Track, current: string | null): boolean =>
  current === null || stages.some(({ name }) => name === current);

/** The stage after `current` (null: none reached yet), or undefined when `current` is the last or none of the track's. */
export function nextStage(track: Track, current: string | null): Stage | undefined {
  if (!isInTrack(track, current)) return undefined;
  return track.stages[track.stages.findIndex(({ name }) => name === current) + 1];
}

/** Time allowed from reaching `current` to the next stage. A stage that the track does not know has the time of the first one. */
export function stageBudgetMs({ firstStageWithinMs, stages }: Track, current: string | null): number {
  return current === null ? firstStageWithinMs : (stages.find((stage) => stage.name === current)?.budgetMs ?? firstStageWithinMs);
}
