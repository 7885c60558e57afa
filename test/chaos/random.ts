/**
 * Chance that can be had again: every draw follows from the seed and from what it is drawn for, never from what was drawn
 * before, so that two runs of a seed decide alike however differently their clients race. Not for secrets.
 */

/** Uniform in [0, 1). */
export type Draw = () => number;

/** The draws for one purpose, such as `drawsFor(7, "order", 12)`: FNV-1a over the labels is the seed of a mulberry32. */
export function drawsFor(...labels: readonly (string | number)[]): Draw {
  let state = 0x811c9dc5;
  for (const character of labels.join("|")) state = Math.imul(state ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Uniform between two numbers. */
export const between = (draw: Draw, least: number, most: number): number => least + draw() * (most - least);

/** A whole number from `least` to `most`, both included. */
export const whole = (draw: Draw, least: number, most: number): number => Math.floor(between(draw, least, most + 1));

/** True with this probability. */
export const chance = (draw: Draw, probability: number): boolean => draw() < probability;
