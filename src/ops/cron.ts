/** What the cron triggers of wrangler.toml start. It never throws: a failed run is logged, and the next one comes by itself. */
import type { Env } from "../env.ts";
import { excerpt, log } from "../platform/log.ts";
import { reconcileLastDay } from "./reconcile.ts";
import { sweep } from "./sweeper.ts";

/** The trigger of the reconciliation. The other trigger is the sweep's. */
const NIGHTLY = "17 3 * * *";

/** @param cron the expression of the trigger that fired */
export async function runCron(cron: string, env: Env): Promise<void> {
  try {
    await (cron === NIGHTLY ? reconcileLastDay(env) : sweep(env));
  } catch (error) {
    log.error("cron.failed", { cron, error: excerpt(error) });
  }
}
