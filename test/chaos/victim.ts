/** The server that is killed and comes back: one store and one port through all its lives, and the log of all of them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Server, startServer } from "../../scripts/server.ts";

export class Victim {
  readonly #vars: Readonly<Record<string, string>>;
  readonly #logFile: string | undefined;
  readonly #storeIn: string | undefined;
  #server: Server | null = null;
  #starting: Promise<unknown> = Promise.resolve();
  #port: number | null = null;
  #store: string | null = null;
  #earlierLives = "";

  /**
   * @param vars variables of wrangler.toml to set
   * @param logFile where the log of all lives is kept when it ends; nowhere when absent
   * @param storeIn the folder that its store is made in; the temporary directory when absent
   */
  constructor(
    vars: Readonly<Record<string, string>>,
    { logFile, storeIn }: { logFile?: string | undefined; storeIn?: string | undefined } = {},
  ) {
    this.#vars = vars;
    this.#logFile = logFile;
    this.#storeIn = storeIn;
  }

  /** Where it answers, or will answer again. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Starts it, or starts it again; resolves when it answers. @returns how long that took, in milliseconds */
  async start(): Promise<number> {
    const startedAt = performance.now();
    this.#store ??= this.#storeIn === undefined ? null : mkdtempSync(join(this.#storeIn, "orderline-"));
    const starting = startServer({
      vars: this.#vars,
      ...(this.#port !== null && { port: this.#port }),
      ...(this.#store !== null && { persistTo: this.#store }),
    });
    this.#starting = starting.catch(() => {});
    const server = await starting;
    this.#server = server;
    this.#port = Number(new URL(server.url).port);
    this.#store = server.persistTo;
    return performance.now() - startedAt;
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
