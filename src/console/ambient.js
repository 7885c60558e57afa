// @ts-check
/** The only place of the console that reads the clock, the dice and the entropy pool. */

/** Milliseconds since the Unix epoch, by the clock of the browser. */
export const now = () => Date.now();

/** Uniform in [0, 1); not for secrets. */
export const random = () => Math.random();

/** 128 bits, so that no two sample orders ever share a name. */
const UNIQUE_BYTES = 16;

/** A name that nobody else has. `crypto.randomUUID` would need HTTPS, which a laptop in the same room does not have. */
export const unique = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(UNIQUE_BYTES)), (byte) => byte.toString(16).padStart(2, "0")).join("");
