/** Nearly valid JSON: a valid value with exactly one place changed, as text. */
import fc from "fast-check";
import { strangeJson, strangeKey } from "./arbitraries.ts";

type Path = readonly (string | number)[];

/** From a node's text to what stands in its place; undefined leaves it out of its object or list. */
type Edit = (text: string) => string | undefined;

export interface NearlyValid {
  readonly text: string;
  /** What was done and where, for whoever reads a counterexample. */
  readonly edit: string;
  /** The edit put in a field that no contract knows, so there is one right answer. */
  readonly unknownField: boolean;
}

/** The text of a value with one node edited. */
function render(value: unknown, path: Path, edit: Edit): string | undefined {
  const [step, ...rest] = path;
  if (step === undefined) return edit(JSON.stringify(value));
  const inner = (key: string | number, child: unknown) => (key === step ? render(child, rest, edit) : JSON.stringify(child));
  if (Array.isArray(value)) return `[${value.flatMap((child, index) => inner(index, child) ?? []).join()}]`;
  const fields = Object.entries(value as object).flatMap(([key, child]) => {
    const text = inner(key, child);
    return text === undefined ? [] : [`${JSON.stringify(key)}:${text}`];
  });
  return `{${fields.join()}}`;
}

function pathsOf(value: unknown, at: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [at];
  const entries: [string | number, unknown][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [at, ...entries.flatMap(([key, child]) => pathsOf(child, [...at, key]))];
}

const nodeAt = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>((node, key) => (node as Record<string | number, unknown>)[key], value);

const withField = (text: string, key: string, json: string): string =>
  text === "{}" ? `{${JSON.stringify(key)}:${json}}` : `{${JSON.stringify(key)}:${json},${text.slice(1)}`;

/** Every way to change one place of a value. A place inside it is as likely as any other; the whole of it is one of them. */
export const nearlyValid = (value: unknown): fc.Arbitrary<NearlyValid> =>
  fc.constantFrom(...pathsOf(value)).chain((path) => {
    const node = nodeAt(value, path);
    const isObject = typeof node === "object" && node !== null && !Array.isArray(node);
    const described = (what: string, edit: Edit, unknownField = false): NearlyValid => ({
      text: render(value, path, edit) ?? "",
      edit: `${what} at /${path.join("/")}`,
      unknownField,
    });
    const replaced = strangeJson.map((json) => described(`${json.slice(0, 60)} instead`, () => json));
    const last = path.at(-1);
    const others = fc.constantFrom(
      described("a list around it", (text) => `[${text}]`),
      described("its text as a string", (text) => JSON.stringify(text)),
      ...(last === undefined ? [] : [described("nothing", () => undefined)]),
      ...(typeof last === "number" ? [described("it twice", (text) => `${text},${text}`)] : []),
    );
    if (!isObject) return fc.oneof({ weight: 3, arbitrary: replaced }, { weight: 1, arbitrary: others });
    const added = fc
      .record({ key: strangeKey, json: strangeJson })
      .filter(({ key }) => !Object.hasOwn(node, key))
      .map(({ key, json }) =>
        described(`field ${JSON.stringify(key)}: ${json.slice(0, 60)} more`, (text) => withField(text, key, json), true),
      );
    return fc.oneof(replaced, others, { weight: 3, arbitrary: added });
  });
