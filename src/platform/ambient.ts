/** The only place that reads the clock, the dice and the entropy pool. Everything else is handed what it needs from here. */

export const now = (): number => Date.now();

/** Uniform in [0, 1); not for secrets. */
export const random = (): number => Math.random();

export const uuid = (): string => crypto.randomUUID();
