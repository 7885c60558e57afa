/** What the runtime holds of the machine, sampled from `/proc` while a soak runs: memory and open files. Only where there is a `/proc`. */
import { readdirSync, readFileSync } from "node:fs";
import { descendantsOf } from "../../scripts/start/processes.ts";

/** Instants of the monotonic clock, in milliseconds. */
export interface UsageSample {
  readonly at: number;
  readonly rssBytes: number;
  readonly files: number;
}

/** Means over the first and the last third of a run, and how many times the first the last is. */
export interface Growth {
  readonly first: number;
  readonly last: number;
  readonly ratio: number;
}

/** The process of wrangler that the Worker runs in. */
const RUNTIME = "workerd";

/** All runtimes below a process together; null when none can be seen, as while one starts. */
export function sampleUsage(pid: number): UsageSample | null {
  const seen = descendantsOf(pid).flatMap((below) => usageOf(below) ?? []);
  if (seen.length === 0) return null;
  const sum = (of: "rssBytes" | "files") => seen.reduce((total, one) => total + one[of], 0);
  return { at: performance.now(), rssBytes: sum("rssBytes"), files: sum("files") };
}

function usageOf(pid: number): Omit<UsageSample, "at"> | null {
  try {
    if (readFileSync(`/proc/${pid}/comm`, "utf8").trim() !== RUNTIME) return null;
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return { rssBytes: Number(kilobytes ?? 0) * 1_024, files: readdirSync(`/proc/${pid}/fd`).length };
  } catch {
    // It ended while it was looked at.
    return null;
  }
}

/** Null when a third was not seen at all. */
export function growthOf(samples: readonly UsageSample[], of: "rssBytes" | "files"): Growth | null {
  const [from, to] = [samples.at(0)?.at ?? 0, samples.at(-1)?.at ?? 0];
  const third = (to - from) / 3;
  const first = mean(samples.filter(({ at }) => at <= from + third).map((sample) => sample[of]));
  const last = mean(samples.filter(({ at }) => at >= to - third).map((sample) => sample[of]));
  return first === null || last === null || third === 0 ? null : { first, last, ratio: last / first };
}

const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
