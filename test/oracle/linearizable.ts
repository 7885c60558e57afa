/**
 * Whether a history is linearizable: whether each operation can be given one moment between its invocation and its answer, such
 * that a sequential model, taking them one after the other, would have answered the same. The search is that of Wing and Gong
 * with the memory of Lowe: a set of operations that were taken, with the state which they led to, is never tried twice. It
 * knows no model, and it gives up after `MAX_CONFIGURATIONS`, which then counts as a finding, so that it always ends.
 */

/** What somebody asked, and when. Instants are those of one monotonic clock, in milliseconds. */
export interface Interval {
  readonly invokedAt: number;
  /** Null when nobody answered: it may take effect at any time after its invocation, or never. */
  readonly answeredAt: number | null;
}

/** An object as its clients would see it if they came one after the other. States are values: nothing changes one. */
export interface SequentialModel<State, Operation extends Interval> {
  readonly initial: State;
  /** Equal for states that no answer can tell apart. */
  keyOf(state: State): string;
  /** The state after the operation, or null where it would not have been answered like this. */
  answered(state: State, operation: Operation): State | null;
  /** The state after an operation that took effect and that nobody answered, or null where it would have had none. */
  unanswered(state: State, operation: Operation): State | null;
  /** Equal for operations that ask the same: of those that nobody answered, only the earliest has to be tried. */
  asked(operation: Operation): string;
}

/** Why no order of the operations explains their answers: how far the longest explanation came, and what could not follow. */
export interface Contradiction<State, Operation> {
  readonly explained: readonly Operation[];
  readonly state: State;
  readonly unexplained: readonly Operation[];
  /** The search was given up; there may be an explanation. */
  readonly undecided: boolean;
}

/**
 * A history of a hundred operations of which a few overlap needs some hundreds. A history that needs more has dozens of requests
 * at once, and the bound keeps it from taking minutes.
 */
const MAX_CONFIGURATIONS = 200_000;

interface Configuration<State> {
  /** The operations that were taken, as bits. */
  readonly taken: bigint;
  readonly state: State;
  /** The last operation that was taken, and where it was taken from: the explanation, backwards. */
  readonly last: number;
  readonly before: Configuration<State> | null;
  readonly answered: number;
}

/** @returns null when the history is linearizable */
export function contradictionIn<State, Operation extends Interval>(
  operations: readonly Operation[],
  model: SequentialModel<State, Operation>,
): Contradiction<State, Operation> | null {
  const history = operations.toSorted((one, other) => one.invokedAt - other.invokedAt);
  const answers = history.filter(({ answeredAt }) => answeredAt !== null).length;
  const first: Configuration<State> = { taken: 0n, state: model.initial, last: -1, before: null, answered: 0 };
  const seen = new Set<string>();
  const open = [first];
  let furthest = first;
  for (let current = open.pop(); current !== undefined; current = open.pop()) {
    if (current.answered > furthest.answered) furthest = current;
    if (current.answered === answers) return null;
    if (seen.size >= MAX_CONFIGURATIONS) break;
    // What was answered first is tried first: most histories are explained by the order of their answers.
    for (const index of eligible(history, current.taken, model).toReversed()) {
      const next = take(history, current, index, model);
      if (next === null) continue;
      const key = `${next.taken.toString(36)} ${model.keyOf(next.state)}`;
      if (seen.has(key)) continue;
      seen.add(key);
      open.push(next);
    }
  }
  return {
    explained: explanation(history, furthest),
    state: furthest.state,
    unexplained: eligible(history, furthest.taken, model).flatMap((index) => {
      const operation = history[index] as Operation;
      return operation.answeredAt === null ? [] : [operation];
    }),
    undecided: seen.size >= MAX_CONFIGURATIONS,
  };
}

/** The operations that may be next: whatever was invoked before the first answer among those that were not taken. */
function eligible<State, Operation extends Interval>(
  history: readonly Operation[],
  taken: bigint,
  model: SequentialModel<State, Operation>,
): number[] {
  const left = history.flatMap((_, index) => ((taken >> BigInt(index)) & 1n ? [] : [index]));
  const at = (index: number) => history[index] as Operation;
  const endOf = (index: number) => at(index).answeredAt ?? Number.POSITIVE_INFINITY;
  const firstAnswer = left.reduce((least, index) => Math.min(least, endOf(index)), Number.POSITIVE_INFINITY);
  const asked = new Set<string>();
  return left
    .filter((index) => {
      if (at(index).invokedAt > firstAnswer) return false;
      if (at(index).answeredAt !== null) return true;
      const what = model.asked(at(index));
      return !asked.has(what) && asked.add(what);
    })
    .sort((one, other) => endOf(one) - endOf(other));
}

function take<State, Operation extends Interval>(
  history: readonly Operation[],
  current: Configuration<State>,
  index: number,
  model: SequentialModel<State, Operation>,
): Configuration<State> | null {
  const operation = history[index] as Operation;
  const isAnswered = operation.answeredAt !== null;
  const state = isAnswered ? model.answered(current.state, operation) : model.unanswered(current.state, operation);
  if (state === null) return null;
  return {
    taken: current.taken | (1n << BigInt(index)),
    state,
    last: index,
    before: current,
    answered: current.answered + (isAnswered ? 1 : 0),
  };
}

function explanation<State, Operation>(history: readonly Operation[], end: Configuration<State>): Operation[] {
  const explained: Operation[] = [];
  for (let at: Configuration<State> | null = end; at !== null && at.last >= 0; at = at.before) {
    explained.unshift(history[at.last] as Operation);
  }
  return explained;
}
