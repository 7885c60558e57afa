// @ts-check
/**
 * The HTTP face as the console uses it. Every answer is data, also a refusal and a silence: nothing here throws because
 * of what a server says. Types come from the contract and are not checked again, since page and API are deployed together.
 */

/** @import { Problem } from "../contract/problems.ts" */

/**
 * @template Body
 * @typedef {{ outcome: "ok", body: Body, etag: string | null } | { outcome: "unchanged" } | { outcome: "problem", problem: Problem }} Answer
 */

/**
 * @typedef {object} Api
 * @property {<Body>(path: string, etag?: string | null) => Promise<Answer<Body>>} get with an `etag`, the answer may be "unchanged"
 * @property {<Body>(path: string, body: unknown, headers?: Record<string, string>) => Promise<Answer<Body>>} post
 */

/** Longer than any healthy answer takes; an operator who waits longer wants to know that it hangs. */
const TIMEOUT_MS = 15_000;

/**
 * @param {object} options
 * @param {string} options.key
 * @param {AbortSignal} options.signal ends what is under way; its answers are problems that nobody reads
 * @param {() => void} options.onUnauthorized the key is not, or no longer, accepted
 * @returns {Api}
 */
export function createApi({ key, signal, onUnauthorized }) {
  /** @type {(path: string, init: RequestInit) => Promise<Answer<any>>} */
  async function call(path, init) {
    const headers = { authorization: `Bearer ${key}`, accept: "application/json", ...init.headers };
    try {
      const patience = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
      const response = await fetch(path, { ...init, headers, signal: patience, cache: "no-store" });
      if (response.status === 304) return { outcome: "unchanged" };
      if (response.ok) return { outcome: "ok", body: await response.json(), etag: response.headers.get("etag") };
      if (response.status === 401 && !signal.aborted) onUnauthorized();
      return { outcome: "problem", problem: await problemOf(response) };
    } catch (error) {
      return { outcome: "problem", problem: silence(error) };
    }
  }

  return {
    get: (path, etag = null) => call(path, etag === null ? {} : { headers: { "if-none-match": etag } }),
    post: (path, body, headers = {}) =>
      call(path, { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) }),
  };
}

/** Something in front of the Worker may answer with a page instead of a problem. @param {Response} response @returns {Promise<Problem>} */
async function problemOf(response) {
  const { status } = response;
  const body = await response.json().catch(() => null);
  if (typeof body?.detail === "string") return { type: "about:blank", title: "", status, ...body };
  return { type: "about:blank", title: "Unexpected answer", status, detail: `the server answered ${status} without saying why` };
}

/** @param {unknown} error @returns {Problem} */
function silence(error) {
  const late = error instanceof DOMException && error.name === "TimeoutError";
  const detail = late ? `no answer within ${TIMEOUT_MS / 1_000} seconds` : "the server cannot be reached";
  return { type: "about:blank", title: "No answer", status: 0, detail };
}
