/**
 * The flags of a command: what they may be, told by a schema, and what is wrong with them in words that help whoever typed them.
 * It never ends the process: a command's exit code is its answer.
 */
import { parseArgs } from "node:util";
import { z } from "zod";

/** The exit code of a command whose flags make no sense. */
export const EXIT_USAGE = 2;

/** @returns the parsed flags, `"help"` when that was asked for, or what is wrong in one sentence per flag */
export function flagsFrom<Shape extends z.ZodObject>(
  argv: readonly string[],
  shape: Shape,
): { readonly flags: z.output<Shape> } | { readonly problems: string[] } | "help" {
  const options = Object.fromEntries(Object.entries(shape.shape).map(([name, schema]) => [name, kindOf(schema as z.ZodType)]));
  try {
    const { help, ...values } = parseArgs({
      args: [...argv],
      options: { ...options, help: { type: "boolean", short: "h" } },
      strict: true,
      allowPositionals: false,
    }).values;
    if (help) return "help";
    const parsed = shape.safeParse(values);
    return parsed.success ? { flags: parsed.data } : { problems: problemsOf(parsed.error, values) };
  } catch (error) {
    // The only way in which parseArgs says that a flag is unknown or lacks its value; its further sentences are advice on quoting.
    return { problems: [error instanceof Error ? (error.message.split(/\. |\.?\n/)[0] ?? error.message) : String(error)] };
  }
}

/** What a command prints when its flags make no sense: the problems, then how it is used. */
export const refusal = (problems: readonly string[], usage: string): string => `${problems.join("\n")}\n\n${usage.trimEnd()}`;

/**
 * Runs a command by its flags, or prints its usage when that is asked for, or what is wrong with the flags.
 * @returns the exit code: the command's own, 0 for the usage, `EXIT_USAGE` for flags that make no sense
 */
export async function withFlags<Shape extends z.ZodObject>(
  argv: readonly string[],
  shape: Shape,
  usage: string,
  command: (flags: z.output<Shape>) => number | Promise<number>,
): Promise<number> {
  const parsed = flagsFrom(argv, shape);
  if (parsed === "help") {
    console.log(usage);
    return 0;
  }
  if ("problems" in parsed) {
    console.error(refusal(parsed.problems, usage));
    return EXIT_USAGE;
  }
  return command(parsed.flags);
}

/** A whole number within bounds. */
export const wholeNumber = (least: number, most: number) => {
  const error = `must be a whole number from ${least} to ${most}`;
  return z
    .string()
    .regex(/^-?\d{1,15}$/, error)
    .transform(Number)
    .refine((value) => value >= least && value <= most, error);
};

/** Any number within bounds. */
export const decimalNumber = (least: number, most: number) => {
  const error = `must be a number from ${least} to ${most}`;
  return z.coerce.number(error).min(least, error).max(most, error);
};

function kindOf(schema: z.ZodType): { readonly type: "boolean" | "string"; readonly multiple: boolean } {
  let inner: unknown = schema;
  while (inner instanceof z.ZodDefault || inner instanceof z.ZodOptional) inner = inner.unwrap();
  return { type: inner instanceof z.ZodBoolean ? "boolean" : "string", multiple: inner instanceof z.ZodArray };
}

/** One sentence per flag: a number that is none breaks each of its bounds, too. */
function problemsOf(error: z.ZodError, given: Readonly<Record<string, unknown>>): string[] {
  const first = new Map<string, string>();
  for (const { path, message } of error.issues) {
    const name = String(path[0]);
    if (!first.has(name)) first.set(name, `--${name} ${given[name] === undefined ? "must be given" : message}`);
  }
  return [...first.values()];
}
