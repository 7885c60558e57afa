// @ts-check
/** The curve of the rates since the page was opened, as steps: between two frames nothing changed. */

/** @typedef {{ at: number, submittedPerMinute: number, confirmedPerMinute: number }} Rates `at` in milliseconds */

/** Long enough to see a burst come and go. */
const SPAN_MS = 15 * 60_000;
/** Less would stretch the first few frames over the whole width. */
const MIN_SPAN_MS = 3 * 60_000;
/** A busy system sends several frames a second; points closer than this would not be seen. */
const GRAIN_MS = 2_000;
/** As in the `viewBox` of the page; a pixel is kept free so that no line is cut. */
const WIDTH = 300;
const HEIGHT = 60;
const EDGE = 2;

/**
 * @param {SVGSVGElement} svg
 * @returns {(rates: Rates) => void} to be called with each new state
 */
export function createSpark(svg) {
  /** @type {Rates[]} */
  let history = [];
  return (rates) => {
    const [before, last] = history.slice(-2);
    if (before && last && last.at - before.at < GRAIN_MS) history.pop();
    history = [...history, rates].filter(({ at }) => at > rates.at - SPAN_MS);
    const begin = history[0] ?? rates;
    const from = Math.min(begin.at, rates.at - MIN_SPAN_MS);
    const most = Math.max(1, ...history.map((each) => Math.max(each.submittedPerMinute, each.confirmedPerMinute)));
    const x = (/** @type {number} */ at) => (((at - from) / (rates.at - from)) * WIDTH).toFixed(1);
    const y = (/** @type {number} */ rate) => (HEIGHT - EDGE - (rate / most) * (HEIGHT - 2 * EDGE)).toFixed(1);
    /** @param {"submittedPerMinute" | "confirmedPerMinute"} which */
    const line = (which) => `M${x(begin.at)} ${y(begin[which])}${history.map((each) => `H${x(each.at)}V${y(each[which])}`).join("")}`;
    svg.querySelector(".submitted")?.setAttribute("d", `${line("submittedPerMinute")}V${HEIGHT}H${x(begin.at)}Z`);
    svg.querySelector(".confirmed")?.setAttribute("d", line("confirmedPerMinute"));
  };
}
