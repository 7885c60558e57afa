/**
 * Installs what is missing, so that `npm start` and `npm test` work on a fresh clone. Plain JavaScript without
 * dependencies, because it is run by whatever Node is there, before anything is installed.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

const root = new URL("../", import.meta.url);
const read = (path) => (existsSync(new URL(path, root)) ? JSON.parse(readFileSync(new URL(path, root), "utf8")) : { packages: {} });

/** npm keeps a copy of the lock file of what it installed; a package that is missing or of another version there is missing here. */
const wanted = read("package-lock.json").packages;
const installed = read("node_modules/.package-lock.json").packages;
const missing = Object.entries(wanted).some(
  ([path, { version, optional }]) => path !== "" && !optional && installed[path]?.version !== version,
);

if (missing) {
  console.log("Installing dependencies (once) ...");
  const { status } = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: root, stdio: "inherit" });
  process.exit(status ?? 1);
}
