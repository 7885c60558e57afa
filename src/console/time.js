// @ts-check
/** Times that stay true while the page is open: relative to now, with the absolute one on hover and for machines. */
import { now } from "./ambient.js";
import { h, setAttribute, setText } from "./dom.js";
import { absolute, relative } from "./format.js";

/** A relative time is never off by more than the unit it is shown in. */
const TICK_MS = 1_000;

/** "12 s ago", counting on by itself. @param {string} at ISO 8601 */
export function ago(at) {
  const element = h("time");
  setAgo(element, at);
  return element;
}

/** @param {HTMLTimeElement} element @param {string} at ISO 8601 */
export function setAgo(element, at) {
  if (element.dateTime !== at) {
    element.dateTime = at;
    setAttribute(element, "data-ticks", true);
    element.title = absolute(Date.parse(at));
  }
  setText(element, relative(Date.parse(at), now()));
}

/** To be called once. A page that nobody sees is not updated. */
export function keepTicking() {
  setInterval(() => {
    if (document.hidden) return;
    const at = now();
    for (const element of document.querySelectorAll("time[data-ticks]")) {
      if (element instanceof HTMLTimeElement) setText(element, relative(Date.parse(element.dateTime), at));
    }
  }, TICK_MS);
}
