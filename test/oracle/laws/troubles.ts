/** Laws 7 and 8: nothing that anybody sends is our fault to fail at, and nobody's trouble is another tenant's. */
import type { Evidence, Violation } from "../evidence.ts";

/** Law 7: no answer is 500. */
export const answersOf500 = ({ bugs = [] }: Evidence): Violation[] =>
  bugs.map((evidence) => ({ law: 7, subject: "an answer of 500", evidence }));

/** Failures that lie further back than this open no breaker; a second more for those that tell of them. */
const TROUBLE_MS = 61_000;

/** Law 8: what stops a tenant's calls are its own calls that failed and its own people, never those of another tenant. */
export function strangersTroubles({ blocked = [], stopped = [] }: Evidence): Violation[] {
  return blocked.flatMap(({ orderId, tenant, provider, since }): Violation[] => {
    const own = stopped.some(
      (one) =>
        one.tenant === tenant && one.provider === provider && one.at <= since && since - one.at <= (one.by === "person" ? 0 : TROUBLE_MS),
    );
    if (own) return [];
    const evidence = `it waits for ${provider}, where no call of ${tenant} had failed and nobody of it had stopped them`;
    return [{ law: 8, subject: orderId, evidence }];
  });
}
