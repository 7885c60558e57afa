/** Flags of a command: numbers with defaults and bounds, and what is wrong with them when something is. */
import { parseArgs } from "node:util";
import { z } from "zod";

/** A whole number with its bounds and what it is when nobody says. */
export const number = (least: number, most: number, otherwise: number) => z.coerce.number().int().min(least).max(most).default(otherwise);

/** Differs from run to run, and is short enough to be typed again. */
export const SEED = z.coerce
  .number()
  .int()
  .min(0)
  .default(() => Math.floor(Math.random() * 1_000_000));

/** @returns the parsed flags, `"help"` when that was asked for, or what is wrong in one sentence per flag */
export function flagsFrom<Shape extends z.ZodObject>(
  argv: readonly string[],
  shape: Shape,
): z.output<Shape> | { readonly problems: string[] } | "help" {
  const switches = new Set(["json"]);
  const options = Object.fromEntries(
    [...Object.keys(shape.shape), "help"].map((name) => [
      name,
      { type: switches.has(name) || name === "help" ? "boolean" : "string" } as const,
    ]),
  );
  try {
    const { help, ...values } = parseArgs({ args: [...argv], options, strict: true, allowPositionals: false }).values;
    if (help) return "help";
    const parsed = shape.safeParse(values);
    return parsed.success ? parsed.data : { problems: parsed.error.issues.map(({ path, message }) => `--${path.join(".")}: ${message}`) };
  } catch (error) {
    // The only way in which parseArgs says that a flag is unknown or lacks its value.
    return { problems: [error instanceof Error ? error.message : String(error)] };
  }
}
