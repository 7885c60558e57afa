/** Collects what is served as files into `.assets`: the console's pages, and the viewer of the API documentation. */
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const target = join(root, ".assets");

rmSync(target, { recursive: true, force: true });
mkdirSync(target);
cpSync(join(root, "src/console"), target, { recursive: true, filter: (source) => !source.endsWith("tsconfig.json") });
cpSync(join(root, "node_modules/rapidoc/dist/rapidoc-min.js"), join(target, "docs/rapidoc-min.js"));
