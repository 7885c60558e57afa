/**
 * Whoever asks Orderline for something: clients that submit, repeat and contradict themselves, people who change their
 * minds or look after what is parked, a kitchen that reports stages. They know what they were told and nothing else, and
 * they keep it, as evidence.
 */

import type { PlacedOrder } from "../../src/contract/events.ts";
import type { PlaceOrder } from "../../src/contract/order.ts";
import { totalOf } from "../../src/contract/order.ts";
import type { OrderCommand, Terms } from "../../src/domain/decide.ts";
import type { OrderState } from "../../src/domain/order.ts";
import { nextStage, trackOf } from "../../src/domain/tracks.ts";
import { between, chance, type Draw, drawsFor, whole } from "../chaos/random.ts";
import type { Obeyed, Told } from "../oracle/evidence.ts";
import { MAGIC } from "../oracle/ledger.ts";
import type { Actors } from "./actors.ts";
import type { Context } from "./context.ts";
import { HANGS, REVIEW_FROM } from "./providers.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** Stocked from the beginning; the last one of the list of goods never is. */
export const STOCKED = ["85123A", "71053", "84406B"] as const;
const GOODS = [...STOCKED, "MADE-TO-ORDER"] as const;

/** They have the same providers and nothing else in common. */
export const TENANTS = ["shop", "bakery"] as const;

export const tenantOf = (index: number): string => TENANTS[index % TENANTS.length] ?? TENANTS[0];
const ID_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz";

/** A client gives up asking after so many answers that did not come. */
const MAX_TRIES = 8;

/** Somebody tries stolen cards at one shop: they come in within this time, and most orders of the world are among them. */
const WAVE_MS = 10 * SECOND;

const stolen = (token: string, order: PlacedOrder): PlacedOrder => {
  const changed = { ...order, tenant: TENANTS[0], payment: { token } };
  return { ...changed, requestDigest: JSON.stringify(changed) };
};

/** In which shares orders are special. */
const KINDS: readonly (readonly [share: number, change: (order: PlaceOrder) => PlaceOrder])[] = [
  [0.06, (order) => ({ ...order, payment: { token: MAGIC.declined } })],
  [0.06, (order) => ({ ...order, payment: { token: MAGIC.captureDeclined } })],
  [0.04, (order) => ({ ...order, payment: { token: MAGIC.unreadableToken } })],
  [0.05, (order) => ({ ...order, shipTo: { country: "GB", postalCode: MAGIC.unroutable } })],
  [0.04, (order) => ({ ...order, shipTo: { country: "GB", postalCode: MAGIC.unreadableAddress } })],
  [0.03, (order) => ({ ...order, shipTo: { country: "GB", postalCode: HANGS } })],
  [0.04, (order) => ({ ...order, customer: { email: MAGIC.bounces } })],
  [0.08, (order) => ({ ...order, charges: [{ code: "fee", amount: REVIEW_FROM }] })],
];

/** What puts right whatever in an order cannot be read or reached. */
const CORRECTION = { payment: { token: "tok_visa" }, shipTo: { country: "GB" }, customer: { email: "ada@example.com" } };

export class People {
  readonly told: Told[] = [];
  readonly obeyed: Obeyed[] = [];
  /** Requests that somebody still waits for. */
  waiting = 0;
  readonly #context: Context;
  readonly #actors: Actors;
  readonly #hint: (state: OrderState) => void;
  readonly #terms: () => Terms;
  readonly #draw: Draw;

  /**
   * @param hint what the HTTP face does after an answer that set an order in motion
   * @param terms what an order that is accepted now pins
   */
  constructor(context: Context, actors: Actors, seed: number, hint: (state: OrderState) => void, terms: () => Terms) {
    this.#context = context;
    this.#actors = actors;
    this.#hint = hint;
    this.#terms = terms;
    this.#draw = drawsFor(seed, "people");
  }

  /** Lets this many orders, and what people want of them, happen within the first `lastsMs`. */
  begin(orders: number, lastsMs: number, deadLetter: (orderId: string) => void): void {
    const draw = this.#draw;
    const impatience = between(draw, 0, 0.8);
    const wave = chance(draw, 0.4)
      ? { at: whole(draw, 0, lastsMs), token: chance(draw, 0.5) ? MAGIC.declined : MAGIC.unreadableToken }
      : null;
    for (let index = 0; index < orders; index++) {
      const orderId = this.#newId();
      const inWave = wave !== null && chance(draw, 0.8);
      const drawn = this.#newOrder(orderId, index, 1);
      const order = inWave ? stolen(wave.token, drawn) : drawn;
      const at = inWave ? wave.at + whole(draw, 0, WAVE_MS) : Math.floor(draw() ** 2 * lastsMs);
      this.#at(at, () => this.#submit(order));
      while (chance(draw, 0.3)) this.#at(at + whole(draw, 0, lastsMs), () => this.#submit(order));
      if (chance(draw, 0.15)) {
        const other = this.#newOrder(orderId, index, 2);
        this.#at(at + whole(draw, -10 * SECOND, lastsMs), () => this.#submit(other));
      }
      while (chance(draw, impatience)) {
        const wanted = this.#drawCommand();
        const soon = chance(draw, 0.6) ? whole(draw, 0, 30 * SECOND) : whole(draw, 0, lastsMs);
        if (wanted === "dead letter") this.#at(at + soon, () => deadLetter(orderId));
        else this.#at(at + soon, () => this.#command(orderId, wanted));
        if (wanted !== "dead letter" && chance(draw, 0.3))
          this.#at(at + soon + whole(draw, 0, MINUTE), () => this.#command(orderId, wanted));
      }
      if (chance(draw, 0.6)) this.#reportStages(orderId, at + whole(draw, MINUTE, lastsMs));
    }
  }

  /**
   * Does for each parked order what gets it out: corrects what cannot work, tries again.
   * @param held whether to decide on what is held, too
   * @param correctingAll corrects whatever is parked, because trying again has not helped
   */
  async lookAfterParked({ held, correctingAll }: { held: boolean; correctingAll: boolean }): Promise<void> {
    for (const { status, order, cause, ending } of this.#actors.states()) {
      if (status === "held" && held)
        await this.#command(order.orderId, { type: chance(this.#draw, 0.7) ? "ApproveOrder" : "RejectOrder", by: "ada" });
      if (status !== "quarantined") continue;
      if (!correctingAll && ending !== null && chance(this.#draw, 0.5)) {
        await this.#command(order.orderId, { type: "CancelOrder", by: "ada" });
        continue;
      }
      if (correctingAll || cause?.class === "poison" || cause?.class === "refused")
        await this.#command(order.orderId, { type: "CorrectOrder", by: "ada", reason: "cannot be read", changes: CORRECTION });
      await this.#command(order.orderId, { type: "RedriveOrder", by: "ada" });
    }
  }

  /** Somebody acts just when an order is busy with something else. */
  meddle(orderId: string): void {
    const wanted = chance(this.#draw, 0.8) ? "next stage" : this.#drawCommand();
    if (wanted === "next stage") void this.#reachNextStage(orderId);
    else if (wanted !== "dead letter") void this.#command(orderId, wanted);
  }

  /** Somebody has had enough. */
  cancel(orderId: string): void {
    void this.#command(orderId, { type: "CancelOrder", by: "ada" });
  }

  /** Long after all faults the kitchen goes on, late or not, with some of the orders. @param lastsMs until when */
  fulfil(lastsMs: number): void {
    for (const { status, order } of this.#actors.states()) {
      if ((status !== "confirmed" && status !== "in_fulfilment") || chance(this.#draw, 0.1)) continue;
      this.#at(whole(this.#draw, 0, lastsMs), () => this.#reachNextStage(order.orderId));
    }
  }

  async #reachNextStage(orderId: string): Promise<void> {
    const state = this.#actors.states().find(({ order }) => order.orderId === orderId);
    const next = state && nextStage(trackOf(state), state.stage);
    if (next) await this.#command(orderId, { type: "ReachStage", stage: next.name, by: "kitchen" });
  }

  #at(ms: number, act: () => Promise<void> | void): void {
    this.#context.loop.after(Math.max(0, ms), () => void act());
  }

  async #submit(order: PlacedOrder): Promise<void> {
    const placed = await this.#insist(() =>
      this.#actors.request(order.orderId, `place ${order.reference}`, (process) => process.place(order, this.#terms())),
    );
    if (!placed || placed.outcome === "conflict") return;
    const { orderId, reference = "", total } = order;
    this.told.push({ orderId, reference, total, replayed: placed.outcome === "replayed", placedAt: placed.state.placedAt });
    if (placed.outcome === "placed") this.#hint(placed.state);
  }

  async #command(orderId: string, command: OrderCommand): Promise<void> {
    this.#context.meets(command.type, orderId);
    const result = await this.#insist(() => this.#actors.request(orderId, command.type, (process) => process.command(command)));
    if (!result || result.refusal) return;
    this.obeyed.push({ orderId, command: command.type, version: result.state.version, status: result.state.status });
    this.#hint(result.state);
  }

  /** Asks until it is answered, or for so long; null when it never was. */
  async #insist<Answer>(ask: () => Promise<Answer>): Promise<Answer | null> {
    this.waiting++;
    try {
      for (let tries = 1; tries <= MAX_TRIES; tries++) {
        const answer = await ask().catch(() => undefined);
        if (answer !== undefined) return answer;
        await this.#context.pause(Math.floor(this.#draw() * 2 ** tries * SECOND));
      }
      return null;
    } finally {
      this.waiting--;
    }
  }

  /** A kitchen or a warehouse: it goes on to the next stage in its own time, and sometimes skips or repeats one. */
  #reportStages(orderId: string, firstAfterMs: number): void {
    const draw = this.#draw;
    const reports = whole(draw, 1, 9);
    for (let report = 0; report < reports; report++) {
      this.#at(firstAfterMs + report * whole(draw, SECOND, 8 * MINUTE), async () => {
        const state = this.#actors.states().find(({ order }) => order.orderId === orderId);
        if (!state) return;
        const { stages } = trackOf(state);
        const stage = chance(draw, 0.15) ? stages[whole(draw, 0, stages.length - 1)] : nextStage(trackOf(state), state.stage);
        if (stage) await this.#command(orderId, { type: "ReachStage", stage: stage.name, by: "kitchen" });
      });
    }
  }

  #drawCommand(): OrderCommand | "dead letter" {
    const choices: readonly (readonly [number, OrderCommand | "dead letter"])[] = [
      [0.35, { type: "CancelOrder", by: "ada", reason: "changed my mind" }],
      [0.55, { type: "ExpediteOrder" }],
      [0.62, { type: "ApproveOrder", by: "ada" }],
      [0.68, { type: "RejectOrder", by: "ada" }],
      [0.78, { type: "RedriveOrder", by: "ada" }],
      [0.9, { type: "CorrectOrder", by: "ada", reason: "a better card", changes: CORRECTION }],
      [1, "dead letter"],
    ];
    const drawn = this.#draw();
    return choices.find(([upTo]) => drawn < upTo)?.[1] ?? "dead letter";
  }

  #newId(): string {
    return `ord_${Array.from({ length: 26 }, () => ID_DIGITS[Math.floor(this.#draw() * ID_DIGITS.length)]).join("")}`;
  }

  /** @param body the second body of a client that uses its key twice */
  #newOrder(orderId: string, index: number, body: number): PlacedOrder {
    const draw = this.#draw;
    const goods = GOODS.filter(() => chance(draw, 0.5));
    const track = chance(draw, 0.5) ? "retail" : "bakery";
    const plain: PlaceOrder = {
      reference: `${index + 1}-${body}`,
      priority: chance(draw, 0.3) ? "expedited" : "standard",
      track,
      currency: chance(draw, 0.8) ? "GBP" : "EUR",
      lines: (goods.length > 0 ? goods : GOODS).map((sku) => ({ sku, quantity: whole(draw, 1, 5), unitPrice: whole(draw, 0, 900) })),
      charges: [],
      customer: { id: String(whole(draw, 1, 5)) },
      shipTo: { country: "GB" },
      payment: { token: "tok_visa" },
    };
    const order = KINDS.reduce((before, [share, change]) => (chance(draw, share) ? change(before) : before), plain);
    return { ...order, track, orderId, tenant: tenantOf(index), requestDigest: JSON.stringify(order), total: totalOf(order) };
  }
}
