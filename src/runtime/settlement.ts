/**
 * Telling the projections. What is sent through the events queue may be lost, so an order counts as told only when the
 * history shows its version: the history is fed last, and is the watermark of all projections.
 */

import { MAX_COMMIT_NOTES } from "../contract/messages.ts";
import { summarize } from "../domain/order.ts";
import { SETTLE_AFTER_MS } from "../domain/progress.ts";
import { excerpt } from "../platform/log.ts";
import type { OrderRecord } from "./order-record.ts";
import type { OrderPorts } from "./ports.ts";

/** A projection that was just asked to catch up is given this long before it is asked again, doubling with the order's age. */
const MAX_SETTLE_DELAY_MS = 15 * 60_000;

/** Only a change at least this old is asked about: a younger one is normally still in the events queue. */
const MIN_SETTLE_AGE_MS = 5_000;

/** An order that is carried out within this time tells of its placing and its end with one message. It is not long for somebody who looks at a list. */
export const PUBLISH_SOON_MS = 300;

type Ports = Pick<OrderPorts, "publish" | "historyVersion" | "clock" | "background">;

export class Settlement {
  readonly #record: OrderRecord;
  readonly #ports: Ports;
  #published: number;
  #cancelSoon: () => void = () => {};

  constructor(record: OrderRecord, ports: Ports) {
    this.#record = record;
    this.#ports = ports;
    this.#published = record.placed?.version ?? 0;
  }

  /** Queues the newest version for the projections, unless this process has done so already. */
  async publish(): Promise<void> {
    const { state, notes } = this.#record;
    if (this.#published >= state.version) return;
    this.#published = state.version;
    this.#cancelSoon();
    await this.#ports.publish({ order: summarize(state), commits: notes.slice(-MAX_COMMIT_NOTES) });
  }

  /** Publishes a little later, unless something else does so before. */
  publishSoon(): void {
    this.#cancelSoon = this.#ports.clock.after(PUBLISH_SOON_MS, () => this.#ports.background(this.publish()));
  }

  async publishAgain(): Promise<void> {
    this.#published = 0;
    await this.publish();
  }

  /** Whether a history that shows this version should know better by now. */
  isBehind(shown: number): boolean {
    const { version, updatedAt } = this.#record.state;
    return shown < version && this.#ports.clock.now() - updatedAt > SETTLE_AFTER_MS;
  }

  /** Asks the history, when that is due, and publishes again what it does not show, less and less often. */
  async settle(): Promise<void> {
    const { order, placedAt, version, updatedAt } = this.#record.state;
    const { settleAt } = this.#record.recheck;
    const now = this.#ports.clock.now();
    const age = now - updatedAt;
    if (settleAt === "never" || (settleAt ?? 0) > now || age < MIN_SETTLE_AGE_MS) return;
    const again = now + Math.min(MAX_SETTLE_DELAY_MS, Math.max(SETTLE_AFTER_MS, age));
    try {
      const shown = await this.#ports.historyVersion({ tenant: order.tenant, placedAt, orderId: order.orderId });
      if (this.#record.state.version !== version) return;
      const settled = (shown ?? 0) >= version;
      this.#record.lookAgain({ settleAt: settled ? "never" : again });
      if (settled) return;
      this.#record.log("warn", "order.unsettled", { shown, ageMs: age });
      await this.publishAgain();
    } catch (error) {
      this.#record.lookAgain({ settleAt: again });
      this.#record.log("warn", "order.unsettled", { error: excerpt(error), ageMs: age });
    }
  }
}
