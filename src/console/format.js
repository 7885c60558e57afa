// @ts-check
/** How values read: money, counts, spans, instants and identifiers. Pure; "now" is an argument. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Below this a difference is not worth a number, and the clocks of browser and server may disagree by as much. */
const JUST_NOW_MS = 2 * SECOND;

const counts = new Intl.NumberFormat();
const clockMs = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  hourCycle: "h23",
});
const dayMonth = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long", hourCycle: "h23" });

/** @type {Map<string, { format: Intl.NumberFormat, unit: number }>} */
const currencies = new Map();

/** @param {number} value */
export const count = (value) => counts.format(value);

/**
 * @param {number} minor minor units of the currency: pence, cents; whole yen
 * @param {string} currency ISO 4217
 */
export function money(minor, currency) {
  let known = currencies.get(currency);
  if (known === undefined) {
    const format = new Intl.NumberFormat(undefined, { style: "currency", currency });
    known = { format, unit: 10 ** (format.resolvedOptions().maximumFractionDigits ?? 0) };
    currencies.set(currency, known);
  }
  return known.format.format(minor / known.unit);
}

/** @param {number} part @param {number} whole */
export const share = (part, whole) => (whole === 0 ? "0 %" : `${(Math.round((1000 * part) / whole) / 10).toLocaleString()} %`);

/** A span in at most two units: "340 ms", "1.2 s", "2 min 5 s", "3 d 4 h". @param {number} ms */
export function duration(ms) {
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < 10 * SECOND) return `${(Math.floor(ms / 100) / 10).toLocaleString()} s`;
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return units(ms, MINUTE, "min", SECOND, "s");
  if (ms < DAY) return units(ms, HOUR, "h", MINUTE, "min");
  return units(ms, DAY, "d", HOUR, "h");
}

/** @param {number} ms @param {number} big @param {string} bigName @param {number} small @param {string} smallName */
function units(ms, big, bigName, small, smallName) {
  const rest = Math.floor((ms % big) / small);
  return `${Math.floor(ms / big)} ${bigName}${rest > 0 ? ` ${rest} ${smallName}` : ""}`;
}

/** "just now", "12 s ago", "in 4 min". @param {number} at @param {number} now both in milliseconds */
export function relative(at, now) {
  const age = now - at;
  if (Math.abs(age) < JUST_NOW_MS) return "just now";
  return age > 0 ? `${coarse(age)} ago` : `in ${coarse(-age)}`;
}

/** @param {number} ms */
function coarse(ms) {
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h`;
  return `${Math.floor(ms / DAY)} d`;
}

/** Local time to the millisecond, with the day in front when it is not today. @param {number} at @param {number} now both in milliseconds */
export function timeToMs(at, now) {
  const today = new Date(at).toDateString() === new Date(now).toDateString();
  return today ? clockMs.format(at) : `${dayMonth.format(at)} ${clockMs.format(at)}`;
}

/** Local time with its zone, and UTC, which is what logs are written in. @param {number} at milliseconds */
export const absolute = (at) => `${full.format(at)}\n${new Date(at).toISOString()}`;

/** `in_fulfilment` → "in fulfilment", `OrderPlaced` → "order placed". @param {string} name */
export const words = (name) =>
  name
    .replaceAll("_", " ")
    .replace(/(?<=[a-z])(?=[A-Z])/g, " ")
    .toLowerCase();

/** A reason as a person reads it: codes lose their underscores, whatever else was said stays as it was. @param {string} reason */
export const reasonText = (reason) => (/^[a-z_]+(, [a-z_]+)*$/.test(reason) ? reason.replaceAll("_", " ") : reason);

/** How much of an id is shown in lists: with the prefix, 40 random bits, enough to tell a page's orders apart. */
const SHORT_ID = "ord_".length + 8;

/** @param {string} id */
export const shortId = (id) => (id.length > SHORT_ID ? `${id.slice(0, SHORT_ID)}…` : id);
