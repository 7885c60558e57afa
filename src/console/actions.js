// @ts-check
/** The buttons of an order, and the question that those ask first whose effect cannot be taken back. It decides nothing itself. */
import { byId, fill, h, setText } from "./dom.js";
import { buttonsFor } from "./vocabulary.js";

/** @import { OrderView } from "../contract/views.ts" */
/** @import { Button } from "./vocabulary.js" */

/**
 * @param {object} options
 * @param {AbortSignal} options.signal
 * @param {(action: Button, text: string) => Promise<void>} options.send resolves when the answer was shown
 */
export function actionForm({ signal, send }) {
  const bar = byId("order-actions", HTMLElement);
  const form = byId("ask", HTMLFormElement);
  const label = byId("ask-label", HTMLElement);
  const text = byId("ask-text", HTMLInputElement);
  const confirm = byId("ask-send", HTMLButtonElement);
  /** @type {Button | null} */
  let asking = null;
  /** What the buttons follow from, so that they and a half-written note survive every other change. */
  let basis = "";

  /** @param {Button} action @param {string} said */
  async function run(action, said) {
    const buttons = [...bar.querySelectorAll("button"), confirm];
    for (const button of buttons) button.disabled = true;
    await send(action, said);
    for (const button of buttons) button.disabled = false;
  }

  /** @param {Button} action */
  function ask(action) {
    asking = action;
    setText(label, "Reason, for the journal (optional)");
    setText(confirm, action.label);
    confirm.className = action.weight;
    text.value = "";
    form.hidden = false;
    text.focus();
  }

  function drop() {
    asking = null;
    form.hidden = true;
  }

  form.addEventListener(
    "submit",
    async (event) => {
      event.preventDefault();
      if (asking === null) return;
      const action = asking;
      await run(action, text.value.trim());
      if (asking === action) drop();
    },
    { signal },
  );
  form.addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Escape") return;
      // The question is dropped, not the order behind it.
      event.stopPropagation();
      drop();
    },
    { signal },
  );
  byId("ask-drop", HTMLButtonElement).addEventListener("click", drop, { signal });

  return {
    /** @param {OrderView} order */
    show(order) {
      const { id, actions, nextStage } = order;
      const next = [id, nextStage, ...actions].join("/");
      if (next === basis) return;
      basis = next;
      drop();
      const buttons = buttonsFor(order).map((action) => {
        const button = h("button", { type: "button", class: action.weight }, action.explained ? `${action.label} …` : action.label);
        button.addEventListener("click", () => (action.explained ? ask(action) : run(action, "")));
        return button;
      });
      fill(bar, ...buttons);
      bar.hidden = buttons.length === 0;
    },
  };
}
