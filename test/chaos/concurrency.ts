/** Doing several things at once, and ending them together. */

/** Does the work for every item, some at a time. */
export async function inParallel<Item>(items: readonly Item[], atOnce: number, work: (item: Item) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < items.length; index = next++) await work(items[index] as Item);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
}

/** For work that is awaited later: should it reject before, that is no rejection that nobody handles. */
export function handled<Value>(work: Promise<Value>): Promise<Value> {
  work.catch(() => {});
  return work;
}

/** Hands out a signal that aborts with `outer`, and at the latest when the work is over, so that nothing outlives it. */
export async function ending<Value>(outer: AbortSignal, work: (signal: AbortSignal) => Promise<Value>): Promise<Value> {
  const over = new AbortController();
  try {
    return await work(AbortSignal.any([outer, over.signal]));
  } finally {
    over.abort();
  }
}
