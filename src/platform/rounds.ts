/** Work on many actors that is no burst of its own. */

/** Actors asked at a time: some hundred answer within a second, and an overloaded one is not made worse. */
const CONCURRENCY = 20;

/** Does the same with every item, some at a time; the results keep the order of the items. Rejects with the first that does. */
export async function inRounds<Item, Result>(items: readonly Item[], work: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  for (let start = 0; start < items.length; start += CONCURRENCY) {
    results.push(...(await Promise.all(items.slice(start, start + CONCURRENCY).map(work))));
  }
  return results;
}
