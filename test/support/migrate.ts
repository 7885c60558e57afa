/** Every test file in workerd has storage of its own; its history begins with the same migrations as a deployment's. */
import { applyD1Migrations, type D1Migration } from "cloudflare:test";
import { env } from "cloudflare:workers";

const { HISTORY, MIGRATIONS } = env as unknown as { HISTORY: D1Database; MIGRATIONS: D1Migration[] };
await applyD1Migrations(HISTORY, MIGRATIONS);
