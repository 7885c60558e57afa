// @ts-check
/**
 * Building and updating the page. Whatever comes from outside becomes a text node or an attribute, never markup, and
 * nothing is touched that has not changed, so that focus, selection and scrolling survive every update.
 */

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * The element of the page with this id. The page and the code are delivered together, so a missing one is a bug.
 * @template {Element} Kind
 * @param {string} id
 * @param {new () => Kind} kind
 * @returns {Kind}
 */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${kind.name} #${id}`);
}

/**
 * An element with attributes and children. `true` sets an attribute without a value; `false` and `null` leave it out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | boolean | null | undefined>} [attributes]
 * @param {...Child} children strings become text
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  element.append(...present(children));
  return element;
}

/**
 * Replaces what is inside.
 * @param {Element} element
 * @param {...Child} children
 */
export function fill(element, ...children) {
  element.replaceChildren(...present(children));
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {string | boolean | null | undefined} value
 */
export function setAttribute(element, name, value) {
  if (value === false || value === null || value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value === true ? "" : value)) element.setAttribute(name, value === true ? "" : value);
}

/**
 * @param {Element} element
 * @param {string} text
 * @returns {boolean} whether it said something else before
 */
export function setText(element, text) {
  if (element.textContent === text) return false;
  element.textContent = text;
  return true;
}

/**
 * Lets an element light up once; what that looks like, and whether it moves at all, is up to the style sheet.
 * @param {Element} element
 */
export function flash(element) {
  element.classList.remove("flash");
  // Reading the geometry between the two makes the browser begin the animation anew.
  element.getBoundingClientRect();
  element.classList.add("flash");
}

/**
 * A list whose elements follow its items by key: known ones are updated in place, so a row keeps its focus.
 * @template Item
 * @param {Element} parent
 * @param {(item: Item) => string} keyOf
 * @param {(item: Item) => Element} create
 * @param {(element: Element, item: Item) => void} update is called for new elements, too
 * @returns {(items: readonly Item[]) => void}
 */
export function keyedList(parent, keyOf, create, update) {
  /** @type {Map<string, Element>} */
  let known = new Map();
  parent.replaceChildren();
  return (items) => {
    /** @type {Map<string, Element>} */
    const next = new Map();
    for (const item of items) next.set(keyOf(item), known.get(keyOf(item)) ?? create(item));
    for (const [key, element] of known) if (!next.has(key)) element.remove();
    let place = parent.firstElementChild;
    for (const item of items) {
      const element = /** @type {Element} */ (next.get(keyOf(item)));
      if (element === place) place = place.nextElementSibling;
      else parent.insertBefore(element, place);
      update(element, item);
    }
    known = next;
  };
}

/** @param {readonly Child[]} children */
const present = (children) => children.filter((child) => child instanceof Node || typeof child === "string");
