/** What happens to an order after it is confirmed: named stages, each with a time budget, as its tenant's profile or the table here has them. */
import type { Track } from "../contract/profile.ts";
import type { OrderState } from "./order.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Of orders whose tenant has none of its own. A track is only ever added to: orders in flight are on it. */
export const TRACKS: Readonly<Record<string, Track>> = {
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

export interface NamedTrack {
  readonly name: string;
  readonly track: Track;
}

export const EMBEDDED_TRACKS: readonly NamedTrack[] = Object.entries(TRACKS).map(([name, track]) => ({ name, track }));

/** The order's track as it was when the order was accepted. */
export function trackOf({ order, profile }: Pick<OrderState, "order" | "profile">): Track {
  const track = profile?.track ?? TRACKS[order.track];
  if (track === undefined) throw new Error(`no release may lose a track: ${order.track}`);
  return track;
}

/** Whether a stage is one of the track's, or none has been reached yet. */
export const isInTrack = ({ stages }: Track, current: string | null): boolean =>
  current === null || stages.some(({ name }) => name === current);

/** The stage after `current` (null: none reached yet), or undefined when `current` is the last or none of the track's. */
export function nextStage(track: Track, current: string | null): Track["stages"][number] | undefined {
  if (!isInTrack(track, current)) return undefined;
  return track.stages[track.stages.findIndex(({ name }) => name === current) + 1];
}

/** Time allowed from reaching `current` to the next stage. A stage that the track does not know has the time of the first one. */
export function stageBudgetMs({ firstStageWithinMs, stages }: Track, current: string | null): number {
  return stages.find((stage) => stage.name === current)?.budgetMs ?? firstStageWithinMs;
}
