/**
 * A process of its own that runs seeds for `simulate.ts` and reports each as it ends: two processes use two cores, and a
 * planted bug stays in the process that it was planted in.
 */
import { MUTATIONS, plant } from "./mutations.ts";
import type { SeedReport } from "./world.ts";

/** Which seeds: every `stride`-th from `start`, `count` of them, or until one breaks a law. */
export interface Work {
  readonly start: number;
  readonly stride: number;
  readonly count: number;
  readonly stopsAtViolation: boolean;
  readonly recording: boolean;
  readonly mutation?: string;
}

export type Message = { readonly seed: SeedReport } | { readonly done: true };

const say = (message: Message) => new Promise<void>((resolve) => process.send?.(message, () => resolve()));

process.on("message", async (work: Work) => {
  // Faults are thrown by the million. Where they come from is worth its time only in a world that is looked into.
  if (!work.recording) Error.stackTraceLimit = 0;
  const mutation = MUTATIONS.find(({ name }) => name === work.mutation);
  if (mutation) plant(mutation);
  const { runSeed } = await import("./world.ts");
  for (let index = 0; index < work.count; index++) {
    const report = await runSeed(work.start + index * work.stride, { recording: work.recording });
    await say({ seed: report });
    if (work.stopsAtViolation && report.violations.length > 0) break;
  }
  await say({ done: true });
  process.disconnect();
});
