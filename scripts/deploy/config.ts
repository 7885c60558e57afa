/**
 * What is to be deployed, read from wrangler.toml. The file holds no ids, so that it is the same for every account: what its
 * bindings stand for is found by name, and the ids are laid over it for one run.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "smol-toml";
import { z } from "zod";
import { partitionsFrom } from "../../src/projections/history/databases.ts";
import { ROOT } from "../wrangler.ts";
import type { Cloudflare } from "./cloudflare.ts";

const KvNamespace = z.looseObject({ binding: z.string(), id: z.string().optional() });
const Database = z.looseObject({
  binding: z.string(),
  database_name: z.string(),
  database_id: z.string().optional(),
  migrations_dir: z.string().optional(),
});

const Config = z.looseObject({
  name: z.string(),
  vars: z.record(z.string(), z.unknown()).default({}),
  kv_namespaces: z.array(KvNamespace).default([]),
  d1_databases: z.array(Database).default([]),
});
export type Config = z.infer<typeof Config>;

/** In the same folder, because the paths in it are relative to where it lies. */
const WITH_IDS = join(ROOT, "wrangler.deploy.json");

/** Domains that are nobody's (RFC 2606). */
const RESERVED_DOMAIN = /@(?:[^@]+\.)?(?:example\.(?:com|net|org)|example|test|invalid|localhost)>?$/;

export const readConfig = (): Config => Config.parse(parse(readFileSync(join(ROOT, "wrangler.toml"), "utf8")));

/** The namespace that a binding stands for; wrangler would name it in the same way. */
export const titleOf = ({ name }: Pick<Config, "name">, binding: string): string => `${name}-${binding.toLowerCase().replaceAll("_", "-")}`;

/**
 * What still is as it was delivered and would fail, or do harm, once deployed.
 * @param given variables of the command line, which go before those of the file
 * @returns one sentence each, with what to do about it
 */
export function placeholders({ vars }: Pick<Config, "vars">, given: Readonly<Record<string, string>>): string[] {
  const value = (name: string) => String(given[name] ?? vars[name] ?? "");
  const sender = value("CONFIRMATION_FROM");
  // A provider of notifications sends under its own name.
  if (!RESERVED_DOMAIN.test(sender) || value("NOTIFICATION_URL") !== "") return [];
  return [
    `CONFIRMATION_FROM is still ${sender}, which nobody may send from. Set it in wrangler.toml, or with --var CONFIRMATION_FROM:orders@your-domain, to a sender that your account may use; or set NOTIFICATION_URL to whatever sends your mail.`,
  ];
}

/**
 * Whether the history lies over databases that are there. The Worker would find out, too, but only when somebody asks it.
 * @returns one sentence each, with what to do about it
 */
export function misplaced(
  { vars, d1_databases }: Pick<Config, "vars" | "d1_databases">,
  given: Readonly<Record<string, string>>,
): string[] {
  try {
    const partitions = partitionsFrom(String(given.HISTORY_PARTITIONS ?? vars.HISTORY_PARTITIONS ?? ""));
    const bound = new Set(d1_databases.map(({ binding }) => binding));
    const missing = new Set(partitions.flatMap(({ databases }) => databases).filter((name) => !bound.has(name)));
    return [...missing].map(
      (name) => `HISTORY_PARTITIONS names ${name}, which is no database of wrangler.toml. Add it there, see docs/deploy.md.`,
    );
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    return [`HISTORY_PARTITIONS cannot be read: ${why}\nWhat it may be: docs/deploy.md.`];
  }
}

/** Variables as they are written on a command line, `NAME:VALUE`. */
export const variables = (given: readonly string[]): Record<string, string> =>
  Object.fromEntries(given.map((each) => [each.slice(0, each.indexOf(":")), each.slice(each.indexOf(":") + 1)]));

/**
 * Finds or makes the databases and namespaces that the bindings stand for. wrangler would make them while it deploys, which is too
 * late for migrations; and a namespace that a failed deploy left behind would stop each further one, because wrangler does
 * not look for it by its name.
 * @param made is called with the name of each that had to be made
 * @returns the configuration with their ids
 */
export async function resolve(config: Config, cloudflare: Cloudflare, made: (name: string) => void): Promise<Config> {
  const d1_databases: Config["d1_databases"] = [];
  for (const each of config.d1_databases) {
    const found = each.database_id ?? (await cloudflare.findDatabase(each.database_name));
    d1_databases.push({ ...each, database_id: found ?? (await cloudflare.createDatabase(each.database_name)) });
    if (found === undefined) made(each.database_name);
  }
  const kv_namespaces: Config["kv_namespaces"] = [];
  for (const each of config.kv_namespaces) {
    const title = titleOf(config, each.binding);
    const found = each.id ?? (await cloudflare.findNamespace(title));
    kv_namespaces.push({ ...each, id: found ?? (await cloudflare.createNamespace(title)) });
    if (found === undefined) made(title);
  }
  return { ...config, d1_databases, kv_namespaces };
}

/** @returns the path of the file, for `--config`; it is deleted when this process ends */
export function writeConfig(config: Config): string {
  process.on("exit", () => rmSync(WITH_IDS, { force: true }));
  writeFileSync(WITH_IDS, JSON.stringify(config, null, 2));
  return WITH_IDS;
}
