/** What a run of the mutants came to: which survivors are accepted, and the table. Pure. */
import { table } from "../../scripts/figures.ts";

/**
 * Survivors of one file that nobody can tell from the original, as `accepted.json` lists them: each does what the original does,
 * in every state that an order can reach. Most are there for the compiler, which wants to hear what the rules have settled before.
 */
export interface Accepted {
  /** Below `src/`. */
  readonly file: string;
  /** Why nobody can notice the change. */
  readonly why: string;
  readonly survivors: readonly Change[];
}

/** A change of the source, told by its text so that it is found again wherever it moves to. White space counts as one blank. */
export interface Change {
  /** The line in which it begins. */
  readonly line: string;
  readonly from: string;
  readonly to: string;
}

export interface Mutant extends Change {
  /** Below `src/`. */
  readonly file: string;
  /** Counted from 1. */
  readonly lineNumber: number;
  readonly killed: boolean;
}

/** What the share of killed mutants must not be below, in percent, by folder. */
export const BARS: Readonly<Record<string, number>> = {
  domain: 90,
  runtime: 90,
  messaging: 80,
  projections: 80,
  queues: 80,
  http: 80,
  platform: 80,
};

export interface Report {
  /** In Markdown. */
  readonly table: string;
  /** One line for each survivor that is not accepted, each folder below its bar, and each accepted change that did not survive. */
  readonly problems: readonly string[];
}

/** @param accepted of the files that were mutated */
export function reportOf(mutants: readonly Mutant[], accepted: readonly Accepted[]): Report {
  const known = new Set(accepted.flatMap(({ file, survivors }) => survivors.map((change) => keyOf({ file, ...change }))));
  const isAccepted = (mutant: Mutant) => known.has(keyOf(mutant));
  const survived = mutants.filter(({ killed }) => !killed);
  const survivedKeys = new Set(survived.map(keyOf));
  const folders = [...Map.groupBy(mutants, ({ file }) => folderOf(file))].sort(([a], [b]) => order(a) - order(b));
  const rowOf = (name: string, own: readonly Mutant[]) => {
    const killed = own.filter((mutant) => mutant.killed).length;
    const equivalent = own.filter((mutant) => !mutant.killed && isAccepted(mutant)).length;
    return [name, ...[own.length, killed, own.length - killed - equivalent, equivalent].map(String), `${percentOf(own).toFixed(1)} %`];
  };
  const rows = folders.flatMap(([folder, own]) => [
    rowOf(`**${folder}/**`, own),
    ...[...Map.groupBy(own, ({ file }) => file)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([file, its]) => rowOf(`\`${file}\``, its)),
  ]);
  return {
    table: table(["source", "mutants", "killed", "survived", "accepted", "score"], [...rows, rowOf("**all**", mutants)]),
    problems: [
      ...survived.filter((mutant) => !isAccepted(mutant)).map((mutant) => `${mutant.file}:${mutant.lineNumber} survived: ${told(mutant)}`),
      ...folders
        .filter(([folder, own]) => percentOf(own) < (BARS[folder] ?? 100))
        .map(([folder, own]) => `${folder}/ is below its bar: ${percentOf(own).toFixed(1)} % of ${BARS[folder]} %`),
      ...accepted.flatMap(({ file, survivors }) =>
        survivors
          .filter((change) => !survivedKeys.has(keyOf({ file, ...change })))
          .map((change) => `${file}: accepted, but it did not survive: ${told(change)}`),
      ),
    ],
  };
}

const percentOf = (mutants: readonly Mutant[]): number =>
  mutants.length === 0 ? 100 : (100 * mutants.filter(({ killed }) => killed).length) / mutants.length;

const folderOf = (file: string): string => file.split("/")[0] ?? file;

const order = (folder: string): number => Object.keys(BARS).indexOf(folder);

const told = ({ line, from, to }: Change): string => [`${from} -> ${to}`, `in: ${line}`].map(compact).join("   ");

const keyOf = ({ file, line, from, to }: Change & { readonly file: string }): string => [file, line, from, to].map(compact).join("\n");

/** White space as one blank, so that a change of the format changes no key. */
export const compact = (text: string): string => text.replaceAll(/\s+/g, " ").trim();
