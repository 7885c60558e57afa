// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the snippets are source, and source has template strings.
/**
 * Known bugs to plant, one at a time, to see that the laws catch them. A mutation replaces one snippet of a source file
 * as it is loaded; nothing is written to disk. A snippet that is not there exactly once is an error, so that a change of
 * the source cannot quietly turn a bug into none.
 */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

export interface Mutation {
  readonly name: string;
  /** In words, for the table. */
  readonly bug: string;
  /** Below `src/`. */
  readonly file: string;
  readonly snippet: string;
  readonly planted: string;
}

const SOURCE = join(import.meta.dirname, "../../src");

export const MUTATIONS: readonly Mutation[] = [
  {
    name: "no-attempt-check",
    bug: "an answer to an attempt that was given up counts as the current one's",
    file: "domain/decide.ts",
    snippet: "current === undefined || current.attempt !== attempt || undoBegunOf(state, step) !== null;",
    planted: "current === undefined;",
  },
  {
    name: "answer-after-undo-counts",
    bug: "an answer that comes after its undo counts, when no attempt followed",
    file: "domain/decide.ts",
    snippet: " || undoBegunOf(state, step) !== null;",
    planted: ";",
  },
  {
    name: "alarm-not-armed",
    bug: "a commit arms no alarm",
    file: "runtime/order-record.ts",
    snippet: "    this.#recheck = UNKNOWN;\n    this.arm();\n",
    planted: "    this.#recheck = UNKNOWN;\n",
  },
  {
    name: "alarm-during-run-ignored",
    bug: "an alarm that goes off during a run is not armed again",
    file: "runtime/order-runner.ts",
    snippet: "if (this.isRunning) return this.#record.armFor(now + RUN_GRACE_MS);",
    planted: "if (this.isRunning) return;",
  },
  {
    name: "spent-alarm-believed-armed",
    bug: "an alarm that went off is believed to be armed still",
    file: "runtime/order-runner.ts",
    snippet: "    this.#record.alarmIsGone();\n    const now",
    planted: "    const now",
  },
  {
    name: "acknowledged-before-durable",
    bug: "commits are written a moment after they were answered and acted on",
    file: "runtime/order-record.ts",
    snippet: "    this.#ports.store.append(commit);",
    planted: "    this.#ports.clock.after(50, () => this.#ports.store.append(commit));",
  },
  {
    name: "place-overwrites",
    bug: "a key used again with another body replaces the order",
    file: "runtime/order-runner.ts",
    snippet: "if (known) return { outcome: known",
    planted: "if (known?.order.requestDigest === order.requestDigest) return { outcome: known",
  },
  {
    name: "profile-of-the-repeat",
    bug: "a profile's change reaches an order in flight, when its client submits it again",
    file: "runtime/order-runner.ts",
    snippet: "    if (known) return",
    planted: "    if (known) known.profile = terms?.profile ?? null;\n    if (known) return",
  },
  {
    name: "profile-forgotten",
    bug: "an order does not keep the profile that it was accepted under",
    file: "domain/order.ts",
    snippet: "profile: profile ?? null,",
    planted: "profile: null,",
  },
  {
    name: "attempt-in-key",
    bug: "the key of a call differs from attempt to attempt",
    file: "runtime/attempt.ts",
    snippet: "const key = stepKey(order.orderId, step, keyGeneration);",
    planted: "const key = `${stepKey(order.orderId, step, keyGeneration)}:${attempt}`;",
  },
  {
    name: "key-generation-not-in-key",
    bug: "another undo, or a corrected request, goes out under the old key",
    file: "domain/ports.ts",
    snippet: "`${orderId}:${step}:${keyGeneration}`",
    planted: "`${orderId}:${step}`",
  },
  {
    name: "undo-names-another-key",
    bug: "an undo names the first key of what it takes back, whatever was sent",
    file: "runtime/attempt.ts",
    snippet: "stepKey(order.orderId, forward, before + 1)",
    planted: "stepKey(order.orderId, forward, 1)",
  },
  {
    name: "step-added-over-running-orders",
    bug: "a step is added over running orders, which follow the newest graph",
    file: "domain/saga.ts",
    snippet: "=> SAGAS[version];",
    planted: "=> version && SAGAS[CURRENT_SAGA];",
  },
  {
    name: "late-effect-stands",
    bug: "an effect that comes after its undo is recorded and left standing",
    file: "domain/order.ts",
    snippet: "if (undo === null || state.ending === null) return known;",
    planted: "return known;",
  },
  {
    name: "unknown-outcome-not-undone",
    bug: "only what surely happened is undone",
    file: "domain/progress.ts",
    snippet: 'if (forward === undefined || forward.phase === "refused") return false;',
    planted: 'if (forward?.phase !== "succeeded") return false;',
  },
  {
    name: "undo-order-reversed",
    bug: "undo runs first effect first",
    file: "domain/saga.ts",
    snippet: 'undo: [["refund"], ["unroute"], ["void", "release"]],',
    planted: 'undo: [["void", "release"], ["unroute"], ["refund"]],',
  },
  {
    name: "captured-not-refunded",
    bug: "a captured payment is voided, not refunded",
    file: "domain/progress.ts",
    snippet: 'return !(undo === "void" && state.steps.capture?.phase === "succeeded");',
    planted: 'return undo !== "refund";',
  },
  {
    name: "refused-capture-not-voided",
    bug: "an authorization whose capture was refused stays on the card",
    file: "domain/progress.ts",
    snippet: 'state.steps.capture?.phase === "succeeded");',
    planted: "state.steps.capture !== undefined);",
  },
  {
    name: "confirmed-too-early",
    bug: "the confirmation goes out beside the capture",
    file: "domain/saga.ts",
    snippet: '["capture", "commit"], ["confirm"]],',
    planted: '["capture", "commit", "confirm"]],',
  },
  {
    name: "cancel-forgotten",
    bug: "a cancellation does not turn the order round",
    file: "domain/order.ts",
    snippet: 'ending: { status: "cancelled", reason: event.reason ?? "requested" },',
    planted: "ending: state.ending,",
  },
  {
    name: "stuck-not-parked",
    bug: "an order whose retries are used up is not parked by its alarm",
    file: "runtime/order-runner.ts",
    snippet: "decideStuck(this.#record.state, now)",
    planted: "[]",
  },
  {
    name: "retries-unbounded",
    bug: "retries never end",
    file: "domain/retry.ts",
    snippet: " || attempt >= policy.maxAttempts",
    planted: "",
  },
  {
    name: "redrive-renews-nothing",
    bug: "a redriven order keeps its used-up retries",
    file: "domain/order.ts",
    snippet: "{ ...step, failures: 0, retryAt: at, ...key }",
    planted: "{ ...step, ...key }",
  },
  {
    name: "correction-keeps-key",
    bug: "a corrected request goes out under the key that was refused for good",
    file: "domain/order.ts",
    snippet: "turnedDown ? { keyGeneration: step.keyGeneration + 1, maybeDone: false } : {}",
    planted: "{}",
  },
  {
    name: "hold-never-ends",
    bug: "a held order's deadline wakes nobody",
    file: "domain/progress.ts",
    snippet: "      return state.hold?.until ?? state.updatedAt;",
    planted: "      return null;",
  },
  {
    name: "overrun-unnoticed",
    bug: "a stage may take for ever",
    file: "domain/decide.ts",
    snippet: "if (stageDeadline !== null && at >= stageDeadline)",
    planted: "if (stageDeadline === -1)",
  },
  {
    name: "not-settled",
    bug: "nobody asks whether the projections have caught up",
    file: "runtime/order-runner.ts",
    snippet: "    await this.#settlement.settle();\n",
    planted: "",
  },
  {
    name: "not-published-again",
    bug: "an event that was lost is found missing and not sent again",
    file: "runtime/settlement.ts",
    snippet: "ageMs: age });\n      await this.publishAgain();\n",
    planted: "ageMs: age });\n",
  },
  {
    name: "only-newest-commit-told",
    bug: "a change tells of the newest commit only",
    file: "runtime/settlement.ts",
    snippet: "notes.slice(-MAX_COMMIT_NOTES)",
    planted: "notes.slice(-1)",
  },
  {
    name: "watermark-not-last",
    bug: "the history has what the other projections have not",
    file: "projections/projection.ts",
    snippet: "changes.filter(({ order }) => held.every(({ durable }) => durable.has(order.orderId)))",
    planted: "changes.filter(() => held.length > 0)",
  },
  {
    name: "counters-ignore-versions",
    bug: "an event that comes late moves the counters back",
    file: "domain/counters.ts",
    snippet: "    if (before !== undefined && before.version >= order.version) continue;\n",
    planted: "",
  },
  {
    name: "counters-never-take-back",
    bug: "an order is counted in each status it ever had",
    file: "domain/counters.ts",
    snippet: "    if (before !== undefined) contribute(next, before, -1);\n",
    planted: "",
  },
  {
    name: "tally-forgotten",
    bug: "a shard that is evicted begins its tally anew",
    file: "runtime/shard-runner.ts",
    snippet: "    this.#ports = ports;\n    this.#state = state;\n",
    planted: "    this.#ports = ports;\n    this.#state = { revision: 0, tally: emptyTally() };\n",
  },
  {
    name: "tally-without-its-orders",
    bug: "a shard saves what orders count for, and its tally apart from that",
    file: "runtime/shard-runner.ts",
    snippet: "store.transaction(() => {",
    planted: "((work: () => ShardTally) => work())(() => {",
  },
  {
    name: "unsaved-tally-reported",
    bug: "a tally that could not be saved is reported with the next one",
    file: "runtime/shard-runner.ts",
    snippet: "      store.saveTally(state);\n",
    planted: "      this.#state = state;\n      store.saveTally(state);\n",
  },
  {
    name: "repair-takes-back",
    bug: "a repair takes back what was counted while it read the journals",
    file: "runtime/shard-runner.ts",
    snippet: "      if (before !== undefined && before.version > order.version && before.version !== seen) continue;\n",
    planted: "",
  },
  {
    name: "repair-keeps-tally",
    bug: "a repair puts right what orders count for, and not the tally",
    file: "runtime/shard-runner.ts",
    snippet: "() => recount(this.#state.tally, store.groups())",
    planted: "() => this.#state.tally",
  },
  {
    name: "late-report-replaces",
    bug: "a report that comes late replaces a newer one of its shard",
    file: "runtime/hub-runner.ts",
    snippet: "      if (revision > (shards[shard]?.revision ?? 0)) shards[shard]",
    planted: "      shards[shard]",
  },
  {
    name: "unsaved-merge-known",
    bug: "a merge that could not be saved counts as known when its reports come again",
    file: "runtime/hub-runner.ts",
    snippet: "    this.#ports.store.save(state);\n    this.#state = state;\n",
    planted: "    this.#state = state;\n    this.#ports.store.save(state);\n",
  },
  {
    name: "frame-number-lost",
    bug: "frames are numbered from the start when the hub comes back",
    file: "runtime/hub-runner.ts",
    snippet: "this.#ports.store.save(state);",
    planted: "this.#ports.store.save({ ...state, seq: 0 });",
  },
  {
    name: "frame-number-used-twice",
    bug: "a change that nobody watches gets no number of its own",
    file: "runtime/hub-runner.ts",
    snippet: "seq: this.#state.seq + 1,",
    planted: "seq: this.#state.seq + Math.sign(this.#ports.sockets.count()),",
  },
  {
    name: "resume-skips-frames",
    bug: "whoever comes back is not told of the frames that they missed",
    file: "runtime/hub-runner.ts",
    snippet: "const missed = after !== null && after !== this.#state.seq;",
    planted: "const missed = after !== null && after > this.#state.seq;",
  },
  {
    name: "late-to-the-frames",
    bug: "a socket is opened a moment after its first frame was made",
    file: "runtime/hub-runner.ts",
    snippet: "    const answer = accept(greeting);\n    await this.#keepTicking(greeting.stats);\n    return answer;\n",
    planted: "    await this.#keepTicking(greeting.stats);\n    return accept(greeting);\n",
  },
  {
    name: "sockets-forgotten",
    bug: "a hub that comes back from hibernation shows its sockets nothing before somebody connects",
    file: "runtime/hub-runner.ts",
    snippet: "if (this.#ports.sockets.count() === 0) return;\n    const frame",
    planted: "if (this.#tickAt === 0) return;\n    const frame",
  },
  {
    name: "sold-goods-not-returned",
    bug: "releasing goods that were sold does not put them back",
    file: "domain/inventory.ts",
    snippet: '      return changed({ ...stock, available: stock.available + quantity }, { quantity, status: "released" });',
    planted: '      return changed(stock, { quantity, status: "released" });',
  },
  {
    name: "no-tombstone",
    bug: "a reservation that arrives after its release is made",
    file: "domain/inventory.ts",
    snippet: '      return changed(stock, { quantity: 0, status: "released" });',
    planted: "      return DONE;",
  },
  {
    name: "probe-blocked",
    bug: "the order that is sent to try a provider out is blocked from it",
    file: "domain/breaker.ts",
    snippet: ' || (breaker.state === "half_open" && breaker.probing.includes(orderId))',
    planted: "",
  },
  {
    name: "breaker-shared-by-tenants",
    bug: "one breaker for the orders of all tenants that call a provider",
    file: "domain/breaker.ts",
    snippet: "sharedAs === undefined ? `${tenant}/${port}` :",
    planted: "sharedAs === undefined ? `everybody/${port}` :",
  },
  {
    name: "blocked-for-ever",
    bug: "a step that was blocked once is never due again",
    file: "domain/progress.ts",
    snippet: "step.retryAt === null || step.retryAt <= now).map",
    planted: 'step.phase !== "blocked" && (step.retryAt === null || step.retryAt <= now)).map',
  },
  {
    name: "abandoned-call-cut-off",
    bug: "a call is hung up on when it is given up, so that nobody hears of its late effect",
    file: "runtime/attempt.ts",
    snippet: '      cancel = clock.after(LATE_ANSWER_MS, () => abort.abort(new Error("abandoned")));',
    planted: '      abort.abort(new Error("abandoned"));',
  },
  {
    name: "believed-before-written",
    bug: "a commit is believed before it is written, and stays so when the write throws",
    file: "runtime/order-record.ts",
    snippet: "    this.#ports.store.append(commit);\n    this.#fold(next, commit);\n",
    planted: "    this.#fold(next, commit);\n    this.#ports.store.append(commit);\n",
  },
  {
    name: "changed-while-asked-is-settled",
    bug: "a version that came while the history was asked counts as settled",
    file: "runtime/settlement.ts",
    snippet: "      if (this.#record.state.version !== version) return;\n",
    planted: "",
  },
  {
    name: "poke-publishes-nothing",
    bug: "a look from outside finds the history behind and does nothing about it",
    file: "runtime/order-runner.ts",
    snippet: "    if (historyBehind) this.#ports.background(this.#settlement.publishAgain());\n",
    planted: "",
  },
  {
    name: "overdue-alarm-counts",
    bug: "an alarm that is long overdue counts as armed",
    file: "runtime/order-record.ts",
    snippet: "(armedAt === null || this.#isOverdue(armedAt))",
    planted: "armedAt === null",
  },
  {
    name: "lost-alarm-not-restored",
    bug: "a look from outside finds the alarm lost and does not arm it",
    file: "runtime/order-runner.ts",
    snippet: "      this.#record.alarmIsGone();\n      this.#record.arm();\n",
    planted: "",
  },
  {
    name: "refusal-opens-breaker",
    bug: "a refusal counts as the provider's failure",
    file: "runtime/attempt.ts",
    snippet: '  if (answer.outcome !== "failed") return true;\n  switch',
    planted: '  if (answer.outcome === "refused") return false;\n  if (answer.outcome !== "failed") return true;\n  switch',
  },
  {
    name: "poison-opens-breaker",
    bug: "a request that cannot be read counts as the provider's failure",
    file: "runtime/attempt.ts",
    snippet: '    case "poison":\n    case "refused":\n      return true;',
    planted: '    case "poison":\n      return false;\n    case "refused":\n      return true;',
  },
  {
    name: "overrun-outlives-stage",
    bug: "the mark of a stage that took too long outlives the stage",
    file: "domain/order.ts",
    snippet: 'return { ...state, status: "in_fulfilment", stage: event.stage, stageSince: at, stageOverran: false };',
    planted: 'return { ...state, status: "in_fulfilment", stage: event.stage, stageSince: at };',
  },
  {
    name: "approval-keeps-hold",
    bug: "an approved order goes on showing why it was held",
    file: "domain/order.ts",
    snippet: 'return { ...state, status: "processing", approved: true, hold: null };',
    planted: 'return { ...state, status: "processing", approved: true };',
  },
  {
    name: "redrive-keeps-cause",
    bug: "a redriven order goes on showing why it was parked",
    file: "domain/order.ts",
    snippet: "  return { ...state, steps, cause: null };",
    planted: "  return { ...state, steps };",
  },
  {
    name: "parked-undo-not-cancelled",
    bug: "cancelling an order that was parked while it was cancelled does nothing",
    file: "domain/decide.ts",
    snippet: 'if (state.ending?.status === "cancelled" && state.status !== "quarantined") return NOTHING;',
    planted: 'if (state.ending?.status === "cancelled") return NOTHING;',
  },
  {
    name: "command-unpublished",
    bug: "a command does not tell the projections",
    file: "runtime/order-runner.ts",
    snippet: '    this.#record.log("info", "order.changed", { command: command.type });\n    this.#publish();\n',
    planted: '    this.#record.log("info", "order.changed", { command: command.type });\n',
  },
];

/** @throws when the snippet is not in its file exactly once */
export function plantedSource({ name, file, snippet, planted }: Mutation): string {
  const source = readFileSync(join(SOURCE, file), "utf8");
  const parts = source.split(snippet);
  if (parts.length !== 2) throw new Error(`${name}: the snippet stands ${parts.length - 1} times in src/${file}`);
  return parts.join(planted);
}

/** From now on this process loads the source with the bug in it. To be called before anything of `src/` is imported. */
export function plant(mutation: Mutation): void {
  const source = plantedSource(mutation);
  const target = pathToFileURL(join(SOURCE, mutation.file)).href;
  registerHooks({
    load: (url, context, next) => (url === target ? { format: "module-typescript", source, shortCircuit: true } : next(url, context)),
  });
}
