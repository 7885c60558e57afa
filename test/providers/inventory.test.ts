/** The embedded inventory when the attempts of one order cross each other; the rest is told in `adapters.workerd.test.ts`. */
import { describe, expect, it } from "vitest";
import { commit, type Decision, release, reserve, type Shelf, type StockAnswer, withdraw } from "../../src/domain/inventory.ts";
import { inventoryProvider, type SkuStock } from "../../src/providers/inventory.ts";
import { callOf, orderOf } from "./calls.ts";

/** The stock of one SKU, for one order, by the rules of the domain. */
class Room implements SkuStock {
  shelf: Shelf;
  /** Holds back the answers from now on, not what is done. */
  answered: Promise<void> = Promise.resolve();

  constructor(sku: string, available: number) {
    this.shelf = { sku, stock: { available, reserved: 0 }, reservation: null };
  }

  reserve = (_: string, quantity: number) => this.#decide(reserve(this.shelf, quantity));
  commit = () => this.#decide(commit(this.shelf));
  release = () => this.#decide(release(this.shelf));
  withdraw = () => this.#decide(withdraw(this.shelf));

  async #decide({ answer, change }: Decision): Promise<StockAnswer> {
    const { answered } = this;
    this.shelf = { ...this.shelf, ...change };
    await answered;
    return answer;
  }
}

const lineOf = (sku: string, quantity: number) => ({ sku, quantity, unitPrice: 1 });

describe("A reservation that was refused half-way", () => {
  const order = orderOf({ lines: [lineOf("PLENTY", 4), lineOf("SCARCE", 2)] });

  function warehouse() {
    const rooms = { PLENTY: new Room("PLENTY", 10), SCARCE: new Room("SCARCE", 1) };
    return { ...rooms, provider: inventoryProvider((_, sku) => rooms[sku as keyof typeof rooms]) };
  }

  it("is given back where it had succeeded, and cannot succeed any more", async () => {
    const { provider, PLENTY, SCARCE } = warehouse();
    expect(await provider(callOf("reserve", { order }))).toMatchObject({ outcome: "refused", refusal: { reason: "insufficient_stock" } });
    expect(PLENTY.shelf).toMatchObject({ stock: { available: 10, reserved: 0 }, reservation: { status: "released" } });
    expect(SCARCE.shelf).toMatchObject({ stock: { available: 1, reserved: 0 }, reservation: { quantity: 0, status: "released" } });
  });

  it("does not take back goods that a later attempt has sold meanwhile", async () => {
    const { provider, PLENTY, SCARCE } = warehouse();
    let answer = () => {};
    SCARCE.answered = new Promise((resolve) => {
      answer = resolve;
    });
    const late = provider(callOf("reserve", { order }));
    SCARCE.answered = Promise.resolve();
    SCARCE.shelf = { ...SCARCE.shelf, stock: { available: 9, reserved: 0 } };
    expect(await provider(callOf("reserve", { order, attempt: 2 }))).toMatchObject({ outcome: "succeeded" });
    expect(await provider(callOf("commit", { order }))).toMatchObject({ outcome: "succeeded" });
    answer();
    expect(await late).toMatchObject({ outcome: "refused", refusal: { reason: "insufficient_stock" } });
    expect(PLENTY.shelf).toMatchObject({ stock: { available: 6, reserved: 0 }, reservation: { quantity: 4, status: "committed" } });
    expect(SCARCE.shelf).toMatchObject({ stock: { available: 7, reserved: 0 }, reservation: { quantity: 2, status: "committed" } });
  });
});
