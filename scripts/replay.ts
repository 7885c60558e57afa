/** `npm run replay`: see `scripts/replay/run.ts`. An interrupt ends it in order; a second one at once. */
import { EXIT, replay } from "./replay/run.ts";

const interruption = new AbortController();
process.on("SIGINT", () => {
  if (interruption.signal.aborted) process.exit(EXIT.interrupted);
  interruption.abort();
});

process.exitCode = await replay(process.argv.slice(2), { out: process.stdout, screen: process.stderr, signal: interruption.signal });
