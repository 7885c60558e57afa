/**
 * Collects what is served as files into `.assets`: the console's pages, and the viewer of the API documentation. A file that is
 * there already as it should be is not touched, because other servers may be serving the folder, and reload when it changes.
 */
import { copyFileSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "..");
const target = join(root, ".assets");
const pages = join(root, "src/console");

const filesIn = (folder: string): string[] => globSync("**", { cwd: folder }).filter((path) => statSync(join(folder, path)).isFile());

/** By its path below the target, where each file comes from. */
const sources = new Map(
  filesIn(pages)
    .filter((path) => path !== "tsconfig.json")
    .map((path) => [path, join(pages, path)]),
);
sources.set("docs/rapidoc-min.js", join(root, "node_modules/rapidoc/dist/rapidoc-min.js"));

mkdirSync(target, { recursive: true });
for (const path of filesIn(target)) if (!sources.has(path)) rmSync(join(target, path));
for (const [path, source] of sources) {
  const to = join(target, path);
  if (existsSync(to) && readFileSync(to).equals(readFileSync(source))) continue;
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(source, to);
}
