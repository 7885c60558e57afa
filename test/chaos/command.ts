/**
 * What `npm run chaos` and `npm run flood` have in common: flags, a bound on the time they may take, an orderly end on an
 * interrupt, and the exit code. 0: every bar is reached. 1: one is not. 2: the flags make no sense. 130: interrupted.
 */
import type { z } from "zod";
import { withFlags } from "../../scripts/flags.ts";
import { showProgress } from "../../scripts/replay/progress.ts";

export interface Surroundings {
  readonly say: (sentence: string) => void;
  readonly onProgress: (line: () => string) => void;
  readonly signal: AbortSignal;
}

/**
 * @param run resolves to the text to print and whether every bar was reached; rejects when it was aborted
 * @param timeoutOf the seconds that it may take
 */
export const runCommand = <Shape extends z.ZodObject>(
  usage: string,
  shape: Shape,
  run: (flags: z.output<Shape>, surroundings: Surroundings) => Promise<{ readonly text: string; readonly passed: boolean }>,
  timeoutOf: (flags: z.output<Shape>) => number = ({ timeout }) => Number(timeout),
  argv: readonly string[] = process.argv.slice(2),
): Promise<number> => withFlags(argv, shape, usage, (flags) => bounded(timeoutOf(flags), (around) => run(flags, around)));

/** @param seconds the time that it may take */
async function bounded(
  seconds: number,
  run: (surroundings: Surroundings) => Promise<{ readonly text: string; readonly passed: boolean }>,
): Promise<number> {
  const interruption = new AbortController();
  const timeUp = AbortSignal.timeout(seconds * 1_000);
  // Everything that was started has to be ended first, so a second interrupt changes nothing: the end is bounded anyhow.
  const interrupt = () => interruption.abort(new Error("interrupted"));
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  let endProgress = () => {};
  try {
    const { text, passed } = await run({
      say: (sentence) => process.stderr.write(`${process.stderr.isTTY ? "\r\x1b[2K" : ""}${sentence}\n`),
      onProgress: (line) => {
        endProgress = showProgress(process.stderr, line);
      },
      signal: AbortSignal.any([interruption.signal, timeUp]),
    });
    endProgress();
    console.log(text);
    return passed ? 0 : 1;
  } catch (error) {
    endProgress();
    if (interruption.signal.aborted) return 130;
    const reason = timeUp.aborted ? `it took longer than the ${seconds} s it may take` : error;
    console.error("failed:", reason);
    return 1;
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}
