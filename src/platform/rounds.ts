/** Bounded concurrency for work on many actors. */

/** Actors asked at a time. Some hundred still answer within a second, and an overloaded actor gets no burst. */
const CONCURRENCY = 20;

/** Does `work` with every item, a few at a time. The results keep the order of the items. Rejects with the first rejection. */
export async function inRounds<Item, Result>(items: readonly Item[], work: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  for (let start = 0; start < items.length; start += CONCURRENCY) {
    results.push(...(await Promise.all(items.slice(start, start + CONCURRENCY).map(work))));
  }
  return results;
}
