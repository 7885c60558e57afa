// @ts-check
/**
 * The API key of this tab: in the tab's own storage and nowhere else. A key in the address is taken over and removed from
 * it at once, so that it is neither bookmarked nor read over a shoulder; a fragment is never sent to any server.
 */

const STORED_AS = "orderline.key";

/** What a key may be made of: the characters of an HTTP token, since it is named in a header of the WebSocket. */
const KEY = /^[\w!#$%&'*+.^`|~-]{1,200}$/;

/** @param {string} text */
export const isKey = (text) => KEY.test(text);

/** @returns {string | null} */
export const storedKey = () => sessionStorage.getItem(STORED_AS);

/** @param {string} key */
export const storeKey = (key) => sessionStorage.setItem(STORED_AS, key);

export const forgetKey = () => sessionStorage.removeItem(STORED_AS);

/** The key in `#key=…`, which is then no longer there; what else the fragment says stays. @returns {string | null} */
export function takeKeyFromAddress() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const key = fragment.get("key");
  if (key === null) return null;
  fragment.delete("key");
  const rest = fragment.toString();
  history.replaceState(null, "", `${location.pathname}${location.search}${rest && `#${rest}`}`);
  return key;
}
