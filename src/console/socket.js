// @ts-check
/**
 * A numbered stream of frames that survives its connections: it comes back by itself with the number of the last frame
 * that it saw, and says when numbers are missing. It never invents a frame and never replays one; since each frame
 * carries the whole state, a gap is only worth a remark.
 */
import { now, random } from "./ambient.js";

/**
 * @typedef {{ kind: "connecting" } | { kind: "live" } | { kind: "waiting", until: number } | { kind: "offline" }} Connection
 * `until` in milliseconds; offline: waiting, too, but the browser says that it has no network
 */

/**
 * @template {{ seq: number, gap?: boolean | undefined }} Frame
 * @typedef {object} StreamOptions
 * @property {string} url of the WebSocket; `after` is added to it
 * @property {string[]} protocols
 * @property {AbortSignal} signal ends the stream for good
 * @property {(frame: Frame, missed: number) => void} onFrame `missed`: how many numbers were skipped before it
 * @property {(connection: Connection) => void} onConnection
 */

/** The first retry comes soon, since most interruptions are a deployment; the last ones spare a server in trouble. */
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 30_000;
/** A connection that lasted this long was a good one: the next interruption is a new one. */
const STABLE_MS = 10_000;
/** A dead connection looks like a quiet one, so it is asked. Proxies give quiet ones up after a minute or more. */
const PING_EVERY_MS = 30_000;
const PONG_WITHIN_MS = 5_000;

/**
 * @template {{ seq: number, gap?: boolean | undefined }} Frame
 * @param {StreamOptions<Frame>} options
 * @returns {{ retryNow(): void }}
 */
export function openStream({ url, protocols, signal, onFrame, onConnection }) {
  /** @type {number | null} */
  let seq = null;
  let failures = 0;
  /** @type {WebSocket | null} */
  let current = null;
  /** Gives the current connection up. */
  let drop = () => {};
  /** Asks the current connection whether it lives. */
  let ask = () => {};
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let retry;

  function connect() {
    clearTimeout(retry);
    if (signal.aborted || current !== null) return;
    onConnection({ kind: "connecting" });
    const socket = new WebSocket(seq === null ? url : `${url}?after=${seq}`, protocols);
    current = socket;
    let openedAt = Number.POSITIVE_INFINITY;
    const heart = heartbeat(socket, () => drop());

    ask = heart.ask;
    drop = () => {
      drop = ask = () => {};
      current = null;
      heart.stop();
      socket.close();
      if (signal.aborted) return;
      failures = now() - openedAt > STABLE_MS ? 1 : failures + 1;
      const delay = delayAfter(failures);
      retry = setTimeout(connect, delay);
      onConnection(navigator.onLine ? { kind: "waiting", until: now() + delay } : { kind: "offline" });
    };

    socket.addEventListener("open", () => {
      openedAt = now();
      onConnection({ kind: "live" });
    });
    socket.addEventListener("close", () => current === socket && drop());
    socket.addEventListener("message", ({ data }) => {
      if (current !== socket) return;
      if (heart.hears(data)) return;
      /** @type {Frame} */
      const frame = JSON.parse(data);
      const missed = missedBefore(frame, seq);
      seq = frame.seq;
      onFrame(frame, missed);
    });
  }

  const retryNow = () => {
    failures = 0;
    connect();
  };
  window.addEventListener("online", retryNow, { signal });
  // A browser without network may still reach a server on its own machine: only the connection itself knows.
  window.addEventListener("offline", () => ask(), { signal });
  document.addEventListener("visibilitychange", () => !document.hidden && connect(), { signal });
  const end = () => {
    clearTimeout(retry);
    drop();
  };
  signal.addEventListener("abort", end, { once: true });
  connect();
  return { retryNow };
}

/**
 * Numbers rise by one with each change and repeat when nothing changed. A number below the last one is a stream that
 * began anew; nobody knows how much of it was missed, so it counts as one.
 * @param {{ seq: number, gap?: boolean | undefined }} frame
 * @param {number | null} seq of the frame before it
 */
export function missedBefore(frame, seq) {
  if (seq === null) return 0;
  if (frame.gap === true) return Math.max(1, frame.seq - seq);
  if (frame.seq < seq) return 1;
  return Math.max(0, frame.seq - seq - 1);
}

/** Exponential, with jitter over the upper half: a thousand consoles must not come back in step. @param {number} failures from 1 */
function delayAfter(failures) {
  const ceiling = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 1));
  return ceiling / 2 + (random() * ceiling) / 2;
}

/**
 * @param {WebSocket} socket
 * @param {() => void} onDead
 */
function heartbeat(socket, onDead) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let verdict;
  function ask() {
    if (socket.readyState !== WebSocket.OPEN) return;
    socket.send("ping");
    clearTimeout(verdict);
    verdict = setTimeout(onDead, PONG_WITHIN_MS);
  }
  const beat = setInterval(ask, PING_EVERY_MS);
  return {
    ask,
    /** Whether the message was an answer to a ping. Any message is a sign of life. @param {unknown} message */
    hears(message) {
      clearTimeout(verdict);
      return message === "pong";
    },
    stop() {
      clearInterval(beat);
      clearTimeout(verdict);
    },
  };
}
