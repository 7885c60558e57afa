/**
 * Judges what the clients of a run were told on the way, order by order: orders share nothing that a client could see, so a
 * history is linearizable when that of each order is.
 */
import { type Contradiction, contradictionIn } from "./linearizable.ts";
import { type Answer, type Asked, type Operation, ORDER, type OrderAsSeen } from "./order-model.ts";

/** All that was asked of one order, by whoever it was. */
export interface History {
  readonly order: string;
  readonly operations: readonly Operation[];
}

export interface HistoriesVerdict {
  readonly operations: number;
  /** Of these, those that somebody answered. */
  readonly answered: number;
  readonly orders: number;
  /** One sentence for each order whose answers contradict each other. */
  readonly violations: readonly string[];
}

/** Operations of a contradiction that are told: those before it, and those that do not follow. */
const MOST_TOLD = 4;

export function judgeHistories(histories: readonly History[]): HistoriesVerdict {
  const operations = histories.flatMap((history) => history.operations);
  return {
    operations: operations.length,
    answered: operations.filter(({ answeredAt }) => answeredAt !== null).length,
    orders: histories.length,
    violations: histories.flatMap(({ order, operations }) => {
      const found = disagreement(operations) ?? unexplained(operations);
      return found === null ? [] : [`${order}: ${found}`];
    }),
  };
}

/** Answers that cannot both be true, whatever came first: two receipts that differ, and two contents of one version. */
function disagreement(operations: readonly Operation[]): string | null {
  const said = new Map<string, string>();
  for (const { answer } of operations) {
    if (answer?.kind === "order" && answer.etag !== `"${answer.version}"`) return `version ${answer.version} has the ETag ${answer.etag}`;
    const [about, what] = assertionOf(answer);
    const before = said.get(about) ?? what;
    if (before !== what) return `${about} is ${before} and ${what}`;
    said.set(about, what);
  }
  return null;
}

function assertionOf(answer: Answer | null): readonly [about: string, what: string] {
  if (answer?.kind === "receipt") return ["its receipt", `${answer.id} of ${answer.placedAt} for ${answer.total}`];
  if (answer?.kind === "order") return [`version ${answer.version}`, `${answer.status}/${answer.priority} (${answer.content})`];
  return ["nothing", ""];
}

function unexplained(operations: readonly Operation[]): string | null {
  const contradiction = contradictionIn(operations, ORDER);
  if (contradiction === null) return null;
  return contradiction.undecided ? `nobody can tell: ${operations.length} operations overlap too much` : describe(contradiction);
}

function describe({ explained, unexplained }: Contradiction<OrderAsSeen, Operation>): string {
  const before = explained.slice(-MOST_TOLD).map(sentence);
  const after = unexplained.slice(0, MOST_TOLD).map(sentence);
  return `${after.join(", or ")} cannot follow ${before.length === 0 ? "nothing" : before.join(", ")}`;
}

function sentence({ asked, answer, invokedAt, answeredAt }: Operation): string {
  const instant = (ms: number) => `${(ms / 1_000).toFixed(3)} s`;
  return `[${instant(invokedAt)} to ${answeredAt === null ? "…" : instant(answeredAt)} ${wordsOf(asked)}: ${answerIn(answer)}]`;
}

const wordsOf = (asked: Asked): string => (asked.kind === "place" ? `place ${asked.body}` : asked.kind);

function answerIn(answer: Answer | null): string {
  switch (answer?.kind) {
    case undefined:
      return "no answer";
    case "receipt":
      return answer.replayed ? "replayed" : "accepted";
    case "order":
      return `version ${answer.version}, ${answer.status}, ${answer.priority}`;
    case "refused":
      return `refused because it is ${answer.status}`;
    case "other":
      return `answered with ${answer.status}`;
    case "conflict":
    case "missing":
      return answer.kind;
  }
}
