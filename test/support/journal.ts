/** An order's journal as it lies in its actor's storage, for tests that look at it or meddle with it. */
import type { Commit } from "../../src/contract/events.ts";

const JOURNAL = "journal:";

/** Empty for an order that was never placed. */
export const storedJournal = ({ kv }: DurableObjectStorage): Commit[] =>
  [...kv.list<Commit>({ prefix: JOURNAL })].map(([, commit]) => commit);

/** Replaces every commit by what `change` makes of it. */
export function rewriteJournal({ kv }: DurableObjectStorage, change: (commit: Commit) => Commit): void {
  for (const [key, commit] of [...kv.list<Commit>({ prefix: JOURNAL })]) kv.put(key, change(commit));
}

/** Writes a commit, whatever it holds. */
export const storeCommit = (
  { kv }: DurableObjectStorage,
  commit: { readonly version: number; readonly events: readonly unknown[] },
): void => kv.put(`${JOURNAL}${String(commit.version).padStart(6, "0")}`, { at: Date.now(), ...commit });
