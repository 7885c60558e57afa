/** The documentation is held to the code: what it links to, names and lists exists, and what it promises to list is all there. */
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { slug } from "github-slugger";
import { marked, type Token, type Tokens } from "marked";
import { describe, expect, it } from "vitest";
import { LOG_EVENTS } from "../src/contract/log-events.ts";
import { PROBLEMS } from "../src/contract/problems.ts";
import { app } from "../src/http/app.ts";
import { MAGIC_VALUES } from "../src/providers/sandbox.ts";

const ROOT = join(import.meta.dirname, "..");
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");

/** More than a newcomer reads at once. */
const MAX_README_LINES = 150;

const pages = globSync("**/*.md", { cwd: ROOT, exclude: (path) => path.split("/").some((part) => /^(node_modules|\..+)$/.test(part)) });

function tokensOf(page: string): Token[] {
  const tokens: Token[] = [];
  marked.walkTokens(marked.lexer(read(page)), (token) => {
    tokens.push(token);
  });
  return tokens;
}

const TOKENS = new Map(pages.map((page) => [page, tokensOf(page)]));
const onPage = (page: string): Token[] => TOKENS.get(page) ?? [];
const spans = (tokens: readonly Token[]): string[] => tokens.flatMap((token) => (token.type === "codespan" ? [token.text] : []));
const everySpan = () => pages.flatMap((page) => spans(onPage(page)).map((text) => ({ page, text })));

/** The cells below and beside a heading of a table, row by row. */
function cells(page: string, heading: string): Tokens.TableCell[][] {
  const tables = onPage(page).filter((token): token is Tokens.Table => token.type === "table");
  return tables.flatMap(({ header, rows }) => {
    const index = header.findIndex(({ text }) => text === heading);
    return index === -1 ? [] : rows.map((row) => row.slice(index));
  });
}

/** The code spans in one column of a table. */
const column = (page: string, heading: string): string[] => cells(page, heading).flatMap(([cell]) => spans(cell?.tokens ?? []));

/** Every place in a page that a link can name, as GitHub names it: a heading that comes twice gets a number. */
function anchorsOf(page: string): ReadonlySet<string> {
  const headings = onPage(page).flatMap((token) => (token.type === "heading" ? [slug(token.text)] : []));
  return new Set(
    headings.map((name, index) => {
      const before = headings.slice(0, index).filter((other) => other === name).length;
      return before === 0 ? name : `${name}-${before}`;
    }),
  );
}

interface Link {
  readonly href: string;
  /** The page or folder that it leads to, from the root of the repository. */
  readonly target: string;
  readonly anchor: string | undefined;
}

/** The links of a page that stay in the repository. */
function linksOf(page: string): Link[] {
  const hrefs = onPage(page).flatMap((token) => (token.type === "link" || token.type === "image" ? [token.href as string] : []));
  return hrefs
    .filter((href) => !/^[a-z]+:/.test(href))
    .map((href) => {
      const [path = "", anchor] = href.split("#");
      return { href, target: path === "" ? page : join(dirname(page), path), anchor };
    });
}

function brokenLinks(page: string): string[] {
  return linksOf(page)
    .filter(({ target, anchor }) => !existsSync(join(ROOT, target)) || (anchor !== undefined && !anchorsOf(target).has(anchor)))
    .map(({ href }) => `${page} links to ${href}`);
}

const folders = readdirSync(join(ROOT, "src"), { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));

const routes = Object.entries(app.getOpenAPI31Document({ openapi: "3.1.0", info: { title: "", version: "" } }).paths ?? {}).flatMap(
  ([path, operations]) => Object.keys(operations ?? {}).map((method) => `${method.toUpperCase()} ${path}`),
);

describe("The documentation", () => {
  it("begins with a README that is read in one go", () => {
    expect(read("README.md").trimEnd().split("\n").length).toBeLessThanOrEqual(MAX_README_LINES);
  });

  it("links to nothing that is not there", () => {
    expect(pages.flatMap(brokenLinks)).toEqual([]);
  });

  it("leads from the README to every page", () => {
    const seen = new Set(["README.md"]);
    for (const page of seen) for (const { target } of linksOf(page)) if (pages.includes(target)) seen.add(target);
    expect(pages.filter((page) => !seen.has(page))).toEqual([]);
  });

  it("shows every folder of the source in the README's layout", () => {
    const layout = onPage("README.md").flatMap((token) => (token.type === "code" && token.text.startsWith("src/") ? [token.text] : []));
    const shown = [...layout.join().matchAll(/\b(\w+)\/ /g)].map(([, folder]) => folder);
    expect(folders.filter((folder) => !shown.includes(folder))).toEqual([]);
  });

  it("names only files that exist", () => {
    const named = everySpan().filter(({ text }) => /^(src|test|docs|bench|scripts|samples|migrations)\/[\w./-]+$/.test(text));
    expect(named.filter(({ text }) => !existsSync(join(ROOT, text)))).toEqual([]);
  });

  it("names only npm scripts that exist", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const named = pages.flatMap((page) =>
      [...read(page).matchAll(/\bnpm (?:run (?:-s )?)?(start|test|(?<=run (?:-s )?)[\w:-]+)/g)].map(([, name = ""]) => name),
    );
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  it("is what the source points at", () => {
    const sources = [...globSync("{src,scripts,test,bench}/**/*.{ts,js,mjs}", { cwd: ROOT }), "wrangler.toml"];
    const named = sources.flatMap((file) => [...read(file).matchAll(/\bdocs\/[\w./-]+\.md\b/g)].map(([path]) => ({ file, path })));
    expect(named.filter(({ path }) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it("explains every log event, and no other", () => {
    const explained = cells("docs/logs.md", "event").map(([event, , says]) => [...spans(event?.tokens ?? []), says?.text]);
    expect(Object.fromEntries(explained)).toEqual(LOG_EVENTS);
  });

  it("explains every magic value of the sandboxes, and no other", () => {
    expect(column("docs/providers.md", "value").sort()).toEqual(MAGIC_VALUES.map(({ value }) => value).sort());
  });

  it("explains every problem with its status, and no other", () => {
    const explained = cells("docs/api.md", "problem").map(([name, status]) => [...spans(name?.tokens ?? []), Number(status?.text)]);
    expect(Object.fromEntries(explained)).toEqual(Object.fromEntries(Object.entries(PROBLEMS).map(([name, [status]]) => [name, status])));
  });

  it("lists every route of the contract, and no other", () => {
    expect(column("docs/api.md", "route").sort()).toEqual([...routes].sort());
  });

  it("names only routes that exist", () => {
    const templates = routes.map((route) => new RegExp(`^${route.replace(/\{\w+\}/g, "[^/]+")}$`));
    const named = everySpan().flatMap(({ page, text }) => {
      const [route] = /^(?:GET|PUT|POST|PATCH|DELETE) \/v1[^?\s]*/.exec(text) ?? [];
      return route === undefined ? [] : [{ page, route }];
    });
    expect(named.length).toBeGreaterThan(routes.length);
    expect(named.filter(({ route }) => !templates.some((template) => template.test(route)))).toEqual([]);
  });

  it("explains every variable of a deployment", () => {
    const [, vars = ""] = /^\[vars\]\n(.*?)^\[/ms.exec(read("wrangler.toml")) ?? [];
    const names = [...vars.matchAll(/^([A-Z_]+) =/gm)].map(([, name]) => name);
    expect(names.length).toBeGreaterThan(0);
    const explained = column("docs/deploy.md", "variable");
    expect(names.filter((name) => name !== undefined && !explained.includes(name))).toEqual([]);
  });
});
