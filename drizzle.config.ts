import { defineConfig } from "drizzle-kit";

/** `drizzle-kit generate --name <what_changes>` writes the next flat `migrations/NNNN_<name>.sql`, which `wrangler d1 migrations apply` runs. */
export default defineConfig({ dialect: "sqlite", schema: "./src/projections/*/schema.ts", out: "./migrations" });
