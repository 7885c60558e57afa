/**
 * Whether a list of orders takes longer when a million of them are kept: `npm run bench -- --lists`. Two servers are started, each
 * from a copy of the project whose configuration names four databases for the history: one has few rows in them, the
 * other many. Each question is put to both over HTTP, alternating.
 */
import { join } from "node:path";
import { copyOfProject, withShards } from "../scripts/copy.ts";
import { percentile, table } from "../scripts/figures.ts";
import { startServer } from "../scripts/server.ts";
import { runWrangler } from "../scripts/wrangler.ts";
import { type Contestant, orderline } from "./targets.ts";

const DATABASES = 4;
const ROWS = { few: 1_000, many: 1_000_000 } as const;

const ROUNDS = 60;
const WARM_UP_ROUNDS = 5;
const PAGE = 50;

/** Pages that a cursor has turned. */
const TURNED = 3;

/** By how many times a page may take longer. */
const MOST = 2;

const DAY_MS = 24 * 60 * 60_000;

type Size = keyof typeof ROWS;

interface Question {
  readonly what: string;
  readonly path: string;
  readonly turned?: number;
}

/** What lists are asked for; the rows that `fill` makes answer each with a full page. @param newest when the last order was placed */
const questions = (newest: number): Question[] => [
  { what: "first page", path: "" },
  { what: `page ${TURNED + 1}, by cursor`, path: "", turned: TURNED },
  { what: "status", path: "&status=failed" },
  { what: `status, page ${TURNED + 1}`, path: "&status=failed", turned: TURNED },
  { what: "priority", path: "&priority=expedited" },
  { what: "customer", path: "&customer=regular-3" },
  { what: "status and customer", path: "&status=confirmed&customer=regular-3" },
  { what: "placed before", path: `&to=${new Date(newest - 100_000).toISOString()}` },
];

export interface Asked {
  readonly what: string;
  readonly ms: Readonly<Record<Size, readonly number[]>>;
}

export interface Lists {
  readonly machine: string;
  readonly asked: readonly Asked[];
}

export async function measureLists(directory: string, say: (progress: string) => void): Promise<Omit<Lists, "machine">> {
  const newest = Date.now();
  const copy = copyOfProject({ "wrangler.toml": withShards(DATABASES, newest - 400 * DAY_MS) }, directory);
  const started = async (size: Size): Promise<Contestant> => {
    say(`filling ${DATABASES} databases with ${ROWS[size].toLocaleString("en")} rows`);
    const persistTo = join(directory, size);
    // The first start makes the tables.
    await (await startServer({ root: copy, persistTo })).kill();
    for (let database = 0; database < DATABASES; database++) await fill(copy, persistTo, database, ROWS[size] / DATABASES, newest);
    return orderline(await startServer({ root: copy, persistTo }));
  };
  const servers = { few: await started("few"), many: await started("many") };
  const asked: Asked[] = [];
  for (const question of questions(newest)) {
    say(question.what);
    const cursors = { few: await cursorAfter(servers.few, question), many: await cursorAfter(servers.many, question) };
    const ms = { few: [] as number[], many: [] as number[] };
    for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
      for (const size of round % 2 === 0 ? (["few", "many"] as const) : (["many", "few"] as const)) {
        const startedAt = performance.now();
        const { orders } = await pageOf(servers[size], question.path, cursors[size]);
        if (orders !== PAGE) throw new Error(`${question.what}: ${orders} orders on a page of ${PAGE}`);
        if (round >= WARM_UP_ROUNDS) ms[size].push(performance.now() - startedAt);
      }
    }
    asked.push({ what: question.what, ms });
  }
  await Promise.all(Object.values(servers).map(({ server }) => server.stop()));
  return { asked };
}

async function cursorAfter(contestant: Contestant, { path, turned = 0 }: Question): Promise<string | null> {
  let cursor: string | null = null;
  for (let page = 0; page < turned; page++) ({ cursor } = await pageOf(contestant, path, cursor));
  return cursor;
}

async function pageOf({ target }: Contestant, path: string, cursor: string | null): Promise<{ orders: number; cursor: string | null }> {
  const answer = await fetch(`${target.url}?limit=${PAGE}${path}${cursor === null ? "" : `&cursor=${cursor}`}`, {
    headers: target.headers,
  });
  if (!answer.ok) throw new Error(`a list was answered with ${answer.status}: ${await answer.text()}`);
  const { orders, nextCursor } = (await answer.json()) as { orders: unknown[]; nextCursor: string | null };
  return { orders: orders.length, cursor: nextCursor };
}

/** Orders of the last days, one a second over all databases, a quarter of them expedited and a fifth failed, of four customers. */
async function fill(root: string, persistTo: string, database: number, rows: number, newest: number): Promise<void> {
  const placedAt = `${newest} - (number * ${DATABASES} + ${database}) * 1000`;
  const sql = `INSERT INTO orders
    (order_id, tenant, version, status, priority, track, reference, customer_id, currency, total, line_count, placed_at, started_at, confirmed_at, updated_at)
    WITH RECURSIVE earlier (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM earlier WHERE number < ${rows})
    SELECT printf('ord_%024d0%d', number, ${database}), 'demo', 8, iif(number % 5 = 0, 'failed', 'confirmed'), iif(number % 4 = 0, 'expedited', 'standard'),
      'retail', printf('earlier-%d', number), printf('regular-%d', number % 4), 'GBP', 1999, 2,
      ${placedAt}, ${placedAt}, ${placedAt}, ${placedAt} FROM earlier`;
  const binding = database === 0 ? "HISTORY" : `HISTORY_${database + 1}`;
  const args = ["d1", "execute", binding, "--local", "--persist-to", persistTo, "--config", join(root, "wrangler.toml")];
  const { code, stdout, stderr } = await runWrangler([...args, "--command", sql.replace(/\s+/g, " ")]);
  if (code !== 0) throw new Error(`${binding} could not be filled:\n${stdout}${stderr}`);
}

const medianOf = (ms: readonly number[]): number => percentile(ms, 0.5) ?? Number.NaN;
const ratioOf = ({ ms }: Asked): number => medianOf(ms.many) / medianOf(ms.few);

export const listsMissed = ({ asked }: Lists): boolean => asked.some((question) => ratioOf(question) > MOST);

export const listsJson = ({ asked }: Lists): string =>
  JSON.stringify({ listsGrowth: Math.max(...asked.map(ratioOf)), ...Object.fromEntries(asked.map((each) => [each.what, ratioOf(each)])) });

export function describeLists({ machine, asked }: Lists): string {
  const ms = (value: number) => value.toFixed(1);
  const rows = asked.map((each) => [
    each.what,
    ...(["few", "many"] as const).map((size) => `${ms(medianOf(each.ms[size]))} / ${ms(percentile(each.ms[size], 0.95) ?? Number.NaN)}`),
    ratioOf(each).toFixed(2),
  ]);
  return [
    `${machine}. A page of ${PAGE} orders from ${DATABASES} databases, over HTTP, ${ROUNDS} times each; milliseconds, p50 / p95. Bar: ${MOST}.`,
    "",
    table(["list of orders", `${ROWS.few.toLocaleString("en")} rows`, `${ROWS.many.toLocaleString("en")} rows`, "p50, ratio"], rows),
  ].join("\n");
}
