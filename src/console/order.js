// @ts-check
/** The panel of one order, read from the order itself. It follows the order while it is open, and lets a person act on it. */
import { actionForm } from "./actions.js";
import { byId, setText } from "./dom.js";
import { showOrder, tellSituation } from "./order-view.js";
import { showTimeline } from "./timeline.js";
import { AT_REST, isOrderId } from "./vocabulary.js";

/** @import { z } from "zod" */
/** @import { DiagnosisView, OrderView, Timeline } from "../contract/views.ts" */
/** @import { Answer, Api } from "./api.js" */

/** An order that goes well takes about a second; what is unchanged costs one row read and no body. */
const POLL_MS = 1_000;

/** The diagnosis counts seconds and knows of other orders' trouble, so it changes while its order does not. In polls. */
const DIAGNOSE_EVERY = 3;

/** Where the panel covers the page whole, so that nothing behind it may be reached; as in the style sheet. */
const NARROW = "(max-width: 640px)";

/** @typedef {{ open(id: string): void, close(): void }} Panel */

/**
 * @param {object} options
 * @param {Api} options.api
 * @param {AbortSignal} options.signal
 * @param {() => void} options.onClose the person closed it
 * @returns {Panel}
 */
export function createPanel({ api, signal, onClose }) {
  const panel = byId("panel", HTMLElement);
  const main = byId("main", HTMLElement);
  const body = byId("panel-body", HTMLElement);
  const title = byId("panel-title", HTMLElement);
  const trouble = byId("panel-problem", HTMLElement);
  const narrow = window.matchMedia(NARROW);
  /** Ends the following of the order that is shown. */
  let following = new AbortController();
  /** Where the focus goes back to. @type {Element | null} */
  let origin = null;
  /** @type {OrderView | null} */
  let shown = null;

  const actions = actionForm({
    signal,
    async send(action, text) {
      if (shown === null) return;
      const extra = action.explained && text !== "" ? { reason: text } : {};
      const { signal: mine } = following;
      /** @type {Answer<OrderView>} */
      const answer = await api.post(`/v1/orders/${shown.id}/${action.command}`, { ...action.body, ...extra });
      if (mine.aborted) return;
      if (answer.outcome === "problem") return showProblem(answer.problem.detail);
      if (answer.outcome === "ok") await show(answer.body, mine);
      // The button that was pressed may be gone.
      if (!panel.contains(document.activeElement)) title.focus({ preventScroll: true });
    },
  });

  /** Reads the order until it is at rest or no longer looked at. @param {string} id @param {AbortSignal} mine */
  async function follow(id, mine) {
    let troubled = false;
    for (let poll = 0; !mine.aborted; poll++) {
      if (poll > 0) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      if (document.hidden || mine.aborted) continue;
      /** @type {Answer<OrderView>} */
      const answer = await api.get(`/v1/orders/${id}`, shown === null ? null : `"${shown.version}"`);
      if (mine.aborted) return;
      if (answer.outcome === "problem") {
        showProblem(answer.problem.detail);
        if (answer.problem.status === 404) return;
        troubled = true;
        continue;
      }
      if (troubled) trouble.hidden = true;
      troubled = false;
      if (answer.outcome === "ok") await show(answer.body, mine);
      else if (poll % DIAGNOSE_EVERY === 0) await diagnose(id, mine);
      if (shown !== null && AT_REST.has(shown.status)) return;
    }
  }

  /** @param {OrderView} order @param {AbortSignal} mine */
  async function show(order, mine) {
    /** @type {Answer<z.infer<typeof Timeline>>} */
    const timeline = await api.get(order.links.events);
    // A command and a poll may overtake each other.
    if (mine.aborted || (shown !== null && shown.version >= order.version)) return;
    shown = order;
    trouble.hidden = true;
    body.hidden = false;
    showOrder(order);
    actions.show(order);
    if (timeline.outcome === "ok") showTimeline(byId("order-timeline", HTMLElement), timeline.body.events);
    if (timeline.outcome === "problem") showProblem(`The timeline cannot be read: ${timeline.problem.detail}`);
    await diagnose(order.id, mine);
  }

  /** What cannot be diagnosed just now keeps its reason. @param {string} id @param {AbortSignal} mine */
  async function diagnose(id, mine) {
    /** @type {Answer<z.infer<typeof DiagnosisView>>} */
    const answer = await api.get(`/v1/orders/${id}/diagnosis`);
    if (!mine.aborted && answer.outcome === "ok") tellSituation(answer.body.sentence);
  }

  /** @param {string} detail */
  function showProblem(detail) {
    setText(trouble, detail.endsWith(".") ? detail : `${detail}.`);
    trouble.hidden = false;
  }

  function coverPage() {
    main.inert = !panel.hidden && narrow.matches;
  }

  function close() {
    following.abort();
    if (panel.hidden) return;
    panel.hidden = true;
    shown = null;
    coverPage();
    if (origin instanceof HTMLElement && origin.isConnected) origin.focus({ preventScroll: true });
  }

  byId("panel-close", HTMLButtonElement).addEventListener("click", onClose, { signal });
  document.addEventListener("keydown", (event) => event.key === "Escape" && !panel.hidden && onClose(), { signal });
  narrow.addEventListener("change", coverPage, { signal });
  signal.addEventListener("abort", close);

  return {
    open(id) {
      if (!panel.hidden && shown?.id === id) return;
      following.abort();
      following = new AbortController();
      if (panel.hidden) origin = document.activeElement;
      shown = null;
      body.hidden = true;
      trouble.hidden = true;
      tellSituation("");
      setText(title, id);
      panel.hidden = false;
      panel.scrollTop = 0;
      coverPage();
      title.focus({ preventScroll: true });
      if (isOrderId(id)) follow(id, following.signal);
      else showProblem("This is not the id of an order: ord_ and 26 letters and digits");
    },
    close,
  };
}
