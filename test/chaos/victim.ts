/** The server that is killed and comes back: one store and one port through all its lives, and the log of all of them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { launch, type Server, startServer } from "../../scripts/server.ts";
import { ROOT } from "../../scripts/wrangler.ts";
import type { Disk } from "./disk.ts";

export class Victim {
  readonly #vars: Readonly<Record<string, string>>;
  readonly #logFile: string | undefined;
  readonly #storeIn: string | undefined;
  readonly #disk: Disk | null;
  #server: Server | null = null;
  #starting: Promise<unknown> = Promise.resolve();
  #port: number | null = null;
  #store: string | null = null;
  #earlierLives = "";

  /**
   * @param vars variables of wrangler.toml to set
   * @param logFile where the log of all lives is kept when it ends; nowhere when absent
   * @param storeIn the folder that its store is made in; the temporary directory when absent
   * @param disk the disk that its store is on, instead
   */
  constructor(
    vars: Readonly<Record<string, string>>,
    { logFile, storeIn, disk = null }: { logFile?: string | undefined; storeIn?: string | undefined; disk?: Disk | null } = {},
  ) {
    this.#vars = vars;
    this.#logFile = logFile;
    this.#storeIn = storeIn;
    this.#disk = disk;
    if (disk !== null) this.#store = join(disk.folder, "store");
  }

  /** Where it answers, or will answer again. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Starts it, or starts it again; resolves when it answers. @returns how long that took, in milliseconds */
  async start(): Promise<number> {
    const startedAt = performance.now();
    this.#store ??= this.#storeIn === undefined ? null : mkdtempSync(join(this.#storeIn, "orderline-"));
    const place = { ...(this.#port !== null && { port: this.#port }), ...(this.#store !== null && { persistTo: this.#store }) };
    const starting = this.#disk === null ? startServer({ vars: this.#vars, ...place }) : this.#startOn(this.#disk, place);
    this.#starting = starting.catch(() => {});
    const server = await starting;
    this.#server = server;
    this.#port = Number(new URL(server.url).port);
    this.#store = server.persistTo;
    return performance.now() - startedAt;
  }

  /** The same as `startServer`, in the namespace that the disk is mounted in. */
  #startOn({ enter }: Disk, place: Parameters<typeof launch>[2]): Promise<Server> {
    const vars = Object.entries(this.#vars).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
    return launch([...enter, join(ROOT, "node_modules/.bin/node"), "scripts/start.ts", "--verbose", ...vars], "/healthz", place);
  }

  /** Where its store is; only once it was started. */
  get store(): string {
    if (this.#store === null) throw new Error("it has no store yet");
    return this.#store;
  }

  /** The process that all its others are below; null while it is down. */
  get pid(): number | null {
    return this.#server?.group ?? null;
  }

  /** All its processes stand still until they are thawed, as on a machine that swaps or a virtual one that is moved. */
  freeze(): void {
    this.#server?.pause();
  }

  thaw(): void {
    this.#server?.resume();
  }

  /** Ends all its processes at once, in the middle of whatever they do. */
  async kill(): Promise<void> {
    await this.#server?.kill();
    this.#earlierLives += this.#server?.log() ?? "";
    this.#server = null;
  }

  /** All that it printed in all its lives. */
  log(): string {
    return this.#earlierLives + (this.#server?.log() ?? "");
  }

  /** Ends it for good and deletes its store; a start that is under way is waited for, because it could not be ended otherwise. */
  async end(): Promise<void> {
    await this.#starting;
    await this.kill();
    if (this.#logFile) writeFileSync(this.#logFile, this.log());
    if (this.#store !== null) rmSync(this.#store, { recursive: true, force: true });
  }
}
