/** A copy of the project with something changed in it, such as a lane more or a database more, for tests and measurements. */
import { cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "./wrangler.ts";

/** All that a server is started from; what is installed is shared. */
const COPIED = ["src", "scripts", "migrations", "wrangler.toml", "package.json", "package-lock.json", "tsconfig.json"];

/**
 * @param changes by the path of the file; each gets its text and returns another
 * @param parent the folder that it is made in
 * @returns the folder of the copy, which the caller deletes, or deletes with its parent
 * @throws when a change changes nothing, because then it missed its place
 */
export function copyOfProject(changes: Readonly<Record<string, (text: string) => string>>, parent = tmpdir()): string {
  const copy = mkdtempSync(join(parent, "orderline-copy-"));
  for (const path of COPIED) cpSync(join(ROOT, path), join(copy, path), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  for (const [path, change] of Object.entries(changes)) {
    const before = readFileSync(join(copy, path), "utf8");
    const after = change(before);
    if (after === before) throw new Error(`${path} was not changed`);
    writeFileSync(join(copy, path), after);
  }
  return copy;
}

/**
 * wrangler.toml with so many databases for the history and so many queues for its changes, from 2.
 * @param from since when orders are spread over all of them, in milliseconds
 */
export const withShards =
  (count: number, from: number) =>
  (toml: string): string => {
    const further = Array.from({ length: count - 1 }, (_, index) => index + 2);
    const databases = further.map(
      (n) => `[[d1_databases]]\nbinding = "HISTORY_${n}"\ndatabase_name = "orderline-history-${n}"\nmigrations_dir = "migrations"\n`,
    );
    const queues = further.map(
      (n) => `[[queues.producers]]
binding = "ORDER_EVENTS_${n}"
queue = "order-events-${n}"

[[queues.consumers]]
queue = "order-events-${n}"
max_batch_size = 100
max_batch_timeout = 1
max_retries = 100
max_concurrency = 4
retry_delay = 10
`,
    );
    const partitions = [{ from: new Date(from).toISOString(), databases: ["HISTORY", ...further.map((n) => `HISTORY_${n}`)] }];
    return toml
      .replace('HISTORY_PARTITIONS = ""', `HISTORY_PARTITIONS = '${JSON.stringify(partitions)}'`)
      .replace("[triggers]", [...databases, ...queues, "[triggers]"].join("\n"));
  };
