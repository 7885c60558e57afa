/**
 * A real Chromium that came with `npm install`: nothing else has to be on the machine. Each launch unpacks it into a folder
 * of its own, so that an interrupted run leaves no half a browser behind; that costs about two seconds.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import chromium from "@sparticuz/chromium";
import { type Browser, chromium as driver } from "playwright-core";

/** The tests run as root in containers, and reach nothing but their own server. */
const ARGS = [
  "--no-sandbox",
  "--no-zygote",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export interface LaunchedBrowser {
  readonly browser: Browser;
  /** Ends the browser and deletes its folder. */
  close(): Promise<void>;
}

export async function launch(): Promise<LaunchedBrowser> {
  const folder = mkdtempSync(join(tmpdir(), "orderline-chromium-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    const executablePath = await unpack(folder);
    const env = { ...definedEnv(), HOME: folder, ...fonts(folder), ...librariesFor(executablePath, folder) };
    const browser = await driver.launch({ executablePath, args: ARGS, env });
    return {
      browser,
      close: async () => {
        await browser.close();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

/** The package unpacks into the temporary folder, and its shared libraries only where it believes to be on AWS. */
async function unpack(folder: string): Promise<string> {
  const before = { TMPDIR: process.env.TMPDIR, AWS_LAMBDA_JS_RUNTIME: process.env.AWS_LAMBDA_JS_RUNTIME };
  Object.assign(process.env, { TMPDIR: folder, AWS_LAMBDA_JS_RUNTIME: "nodejs22.x" });
  try {
    return await chromium.executablePath();
  } finally {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

/** The libraries of the machine come first; a bare container has none, and gets those that the package carries. */
function librariesFor(executablePath: string, folder: string): Record<string, string> {
  if (spawnSync(executablePath, ["--version"]).status === 0) return {};
  return { LD_LIBRARY_PATH: join(folder, "al2023", "lib") };
}

/** Likewise with fonts. */
const fonts = (folder: string): Record<string, string> =>
  existsSync("/etc/fonts/fonts.conf") ? {} : { FONTCONFIG_PATH: join(folder, "fonts") };

const definedEnv = (): Record<string, string> =>
  Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
