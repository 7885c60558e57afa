/** Imports point inward, the domain knows no platform, and time and chance are read in one place. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";

const SRC = join(import.meta.dirname, "../src");

/** What each folder may import from besides itself. A folder that is not listed is a decision that nobody made. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  contract: [],
  platform: ["contract"],
  domain: ["contract"],
  runtime: ["contract", "domain", "platform"],
  messaging: ["contract", "domain", "platform"],
  providers: ["contract", "domain", "platform"],
  projections: ["contract", "domain", "platform"],
  tenants: ["contract", "domain", "platform"],
  live: ["contract", "domain", "platform"],
  actors: ["contract", "domain", "platform", "runtime", "messaging", "providers", "projections", "tenants", "live", "env.ts"],
  queues: ["contract", "domain", "platform", "messaging", "projections", "actors", "env.ts"],
  ops: ["contract", "domain", "platform", "tenants", "runtime", "messaging", "providers", "projections", "actors", "queues", "env.ts"],
  http: ["contract", "domain", "platform", "messaging", "projections", "live", "tenants", "actors", "queues", "ops", "env.ts"],
  "env.ts": ["contract", "messaging", "projections", "providers"],
  "index.ts": ["contract", "actors", "queues", "http", "ops", "env.ts"],
};

/** Types only: they are gone when the code runs. */
const TYPE_IMPORT = /^import type /;

/** What contract and domain may use: schemas, and tables of codes. */
const PURE: ReadonlySet<string> = new Set(["zod", "iso-3166", "dinero.js/currencies"]);

interface Import {
  readonly file: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
const source = (file: string) => readFileSync(join(SRC, file), "utf8");

function importsOf(file: string): Import[] {
  const statements = source(file).matchAll(/^(?:import|export)[^;]*? from "([^"]+)";/gms);
  return [...statements].map(([statement, specifier = ""]) => ({
    file,
    target: specifier.startsWith(".") ? relative(SRC, join(SRC, file, "..", specifier)) : specifier,
    typeOnly: TYPE_IMPORT.test(statement),
  }));
}

const folderOf = (path: string) => path.split("/")[0] ?? path;

/** The files of one circle of imports, or null when there is none. */
function circleIn(graph: ReadonlyMap<string, readonly string[]>): string[] | null {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] | null => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return null;
    for (const target of graph.get(file) ?? []) {
      const circle = visit(target, [...path, file]);
      if (circle) return circle;
    }
    done.add(file);
    return null;
  };
  for (const file of graph.keys()) {
    const circle = visit(file, []);
    if (circle) return circle;
  }
  return null;
}

describe("The search for circles", () => {
  it("names the files of one", () => {
    const graph = new Map([
      ["a", ["b"]],
      ["b", ["c", "zod"]],
      ["c", ["d", "b"]],
      ["d", []],
    ]);
    expect(circleIn(graph)).toEqual(["b", "c", "b"]);
    expect(circleIn(new Map([...graph, ["c", ["d"]]]))).toBeNull();
  });
});

describe("The source", () => {
  it("imports inward only", () => {
    const outward = files.flatMap((file) => {
      const from = folderOf(file);
      const allowed = MAY_IMPORT[from];
      expect(allowed, `${from} is a folder of the architecture`).toBeDefined();
      return importsOf(file)
        .filter(({ target }) => files.includes(target))
        .filter(({ target }) => folderOf(target) !== from && !allowed?.some((prefix) => target === prefix || folderOf(target) === prefix))
        .map(({ target }) => `${file} imports ${target}`);
    });
    expect(outward).toEqual([]);
  });

  it("has no circle of files, types included, so that each can be lifted out with what stands below it", () => {
    expect(circleIn(new Map(files.map((file) => [file, importsOf(file).map(({ target }) => target)])))).toBeNull();
  });

  it("keeps the platform out of contract and domain", () => {
    const foreign = files
      .filter((file) => ["contract", "domain"].includes(folderOf(file)))
      .flatMap(importsOf)
      .filter(({ target, typeOnly }) => !typeOnly && !files.includes(target) && !PURE.has(target));
    expect(foreign).toEqual([]);
  });

  it("reads the clock, the dice and the entropy pool in one file", () => {
    const ambient = /\bDate\.now\(|\bMath\.random\(|\brandomUUID\(|\bnew Date\(\)/;
    expect(files.filter((file) => file !== "platform/ambient.ts" && ambient.test(source(file)))).toEqual([]);
  });

  it("keeps SQL out of methods: every statement is a named constant above its class", () => {
    const inMethod = /\bexec\([^)]*?["'`](?:SELECT|INSERT|UPDATE|DELETE|CREATE)/s;
    expect(files.filter((file) => inMethod.test(source(file)))).toEqual([]);
  });
});
