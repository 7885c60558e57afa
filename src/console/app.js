// @ts-check
/** The wiring of the console: a key begins a session, and everything that belongs to a session ends with it. */
import { now } from "./ambient.js";
import { createApi } from "./api.js";
import { createCounters } from "./counters.js";
import { byId, fill, setAttribute, setText } from "./dom.js";
import { count } from "./format.js";
import { forgetKey, isKey, storedKey, storeKey, takeKeyFromAddress } from "./key.js";
import { createPanel } from "./order.js";
import { createOrders } from "./orders.js";
import { wireSamples } from "./sample.js";
import { openStream } from "./socket.js";
import { ago, keepTicking } from "./time.js";

/** @import { StatsFrame } from "../contract/stats.ts" */
/** @import { Connection } from "./socket.js" */

const TITLE = "Orderline";
/** As in `http/authentication.ts`: a browser names its key in the only header of a WebSocket that it lets a page choose. */
const SOCKET_PROTOCOL = "orderline.v1";
const SOCKET_KEY_PREFIX = "orderline.key.";
/** How long a resynchronisation is mentioned. */
const RESYNC_SHOWN_MS = 60_000;
/** The countdown to the next attempt is in seconds. */
const COUNTDOWN_MS = 250;

const welcome = byId("welcome", HTMLElement);
const view = byId("console", HTMLElement);
const keyForm = byId("key-form", HTMLFormElement);
const keyInput = byId("key-input", HTMLInputElement);
const keyError = byId("key-error", HTMLElement);
const forget = byId("key-forget", HTMLButtonElement);
const link = byId("connection", HTMLElement);
const linkText = byId("connection-text", HTMLElement);
const linkWait = byId("connection-wait", HTMLElement);
const retry = byId("connection-retry", HTMLButtonElement);
const resync = byId("resync", HTMLElement);

let session = new AbortController();

/** @param {string} key */
function begin(key) {
  session.abort();
  session = new AbortController();
  const { signal } = session;
  storeKey(key);
  welcome.hidden = true;
  view.hidden = link.hidden = forget.hidden = false;
  // A key may arrive while the empty form is shown; it must not stay readable in there.
  keyInput.value = "";

  const api = createApi({
    key,
    signal,
    onUnauthorized: () => end("That key is not accepted here. It may belong to another deployment, or be revoked."),
  });
  const orders = createOrders({ api, signal });
  const counters = createCounters({ onStatus: orders.filterBy });
  const panel = createPanel({ api, signal, onClose: leaveOrder });
  wireSamples({ api, signal });

  let seen = -1;
  const stream = openStream({
    url: `${location.origin.replace(/^http/, "ws")}/v1/stats/live`,
    protocols: [SOCKET_PROTOCOL, SOCKET_KEY_PREFIX + key],
    signal,
    onFrame(/** @type {StatsFrame} */ { seq, stats }, missed) {
      counters.show(stats);
      document.title = stats.quarantined > 0 ? `(${count(stats.quarantined)}) ${TITLE}` : TITLE;
      if (missed > 0) mentionResync(missed);
      if (seq !== seen) orders.changed();
      seen = seq;
    },
    onConnection(connection) {
      showConnection(connection);
      counters.setStale(connection.kind !== "live");
      // Whatever failed while there was no connection is worth another try.
      if (connection.kind === "live") orders.changed();
    },
  });
  retry.addEventListener("click", stream.retryNow, { signal });
  signal.addEventListener("abort", () => clearInterval(countdown));

  const followAddress = () => {
    const id = new URLSearchParams(location.hash.slice(1)).get("order");
    if (id === null) panel.close();
    else panel.open(id);
    orders.mark(id);
  };
  window.addEventListener("hashchange", followAddress, { signal });
  const find = byId("find", HTMLFormElement);
  const findId = byId("find-id", HTMLInputElement);
  find.addEventListener(
    "submit",
    (event) => {
      event.preventDefault();
      const id = findId.value.trim();
      if (id) location.hash = `order=${encodeURIComponent(id)}`;
    },
    { signal },
  );
  followAddress();

  function leaveOrder() {
    history.pushState(null, "", location.pathname + location.search);
    followAddress();
  }
}

/** @param {string} [why] shown where the next key is asked for */
function end(why = "") {
  session.abort();
  forgetKey();
  view.hidden = link.hidden = forget.hidden = resync.hidden = true;
  welcome.hidden = false;
  document.title = TITLE;
  setText(keyError, why);
  keyError.hidden = why === "";
  keyInput.focus();
}

/** @param {string} text as a person or a link gave it */
function tryKey(text) {
  const key = text.trim();
  if (isKey(key)) begin(key);
  else end("This does not look like an API key: it has characters that no key has.");
}

/** @type {ReturnType<typeof setInterval> | undefined} */
let countdown;

/** The seconds are not announced to those who listen to the page; that it reconnects is. @param {Connection} connection */
function showConnection(connection) {
  clearInterval(countdown);
  setAttribute(link, "data-state", connection.kind);
  retry.hidden = connection.kind !== "waiting";
  setText(linkText, connection.kind === "waiting" ? "reconnecting" : connection.kind);
  setText(linkWait, "");
  if (connection.kind !== "waiting") return;
  const tell = () => setText(linkWait, ` in ${Math.max(1, Math.ceil((connection.until - now()) / 1_000))} s`);
  tell();
  countdown = setInterval(tell, COUNTDOWN_MS);
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let unmention;

/** @param {number} missed */
function mentionResync(missed) {
  clearTimeout(unmention);
  fill(
    resync,
    "resynchronised ",
    ago(new Date(now()).toISOString()),
    `, caught up on ${count(missed)} ${missed === 1 ? "change" : "changes"}`,
  );
  resync.hidden = false;
  unmention = setTimeout(() => {
    resync.hidden = true;
  }, RESYNC_SHOWN_MS);
}

keyForm.addEventListener("submit", (event) => {
  event.preventDefault();
  tryKey(keyInput.value);
});
forget.addEventListener("click", () => end());
window.addEventListener("hashchange", () => {
  const key = takeKeyFromAddress();
  if (key !== null) tryKey(key);
});

keepTicking();
const key = takeKeyFromAddress() ?? storedKey();
if (key === null) end();
else tryKey(key);
