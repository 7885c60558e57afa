/**
 * The laws of the design as an oracle that knows nothing of the implementation: it is shown evidence and names every
 * contradiction. Of the source it imports types only. It asks nobody and decides nothing; what an order owes is worked out here, from what its
 * client sent, and nowhere else.
 */
import type { Evidence, Violation } from "./evidence.ts";
import {
  doubledEffects,
  misinformedCustomers,
  misplacedMoney,
  misroutedGoods,
  strangersEffects,
  wrongOrderOfUndo,
} from "./laws/effects.ts";
import { misplacedGoods, misplacedStock } from "./laws/goods.ts";
import { forgottenCommands, lostOrders, stuckOrders, wrongReasons } from "./laws/orders.ts";
import { differingCounters, differingHistory, unannouncedGaps, unheardCommits } from "./laws/projections.ts";
import { answersOf500, strangersTroubles } from "./laws/troubles.ts";

const CHECKERS: readonly ((evidence: Evidence) => Violation[])[] = [
  lostOrders,
  stuckOrders,
  forgottenCommands,
  wrongReasons,
  doubledEffects,
  strangersEffects,
  wrongOrderOfUndo,
  misplacedMoney,
  misroutedGoods,
  misinformedCustomers,
  misplacedStock,
  misplacedGoods,
  differingHistory,
  unheardCommits,
  differingCounters,
  unannouncedGaps,
  answersOf500,
  strangersTroubles,
];

/** What must hold whenever everything has come to a stand. */
export const checkQuiet = (evidence: Evidence): Violation[] => CHECKERS.flatMap((check) => check(evidence));
