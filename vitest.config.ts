import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-pool-workers";
import { defineConfig } from "vitest/config";

/** Against real servers. */
const endToEnd = { testTimeout: 180_000, hookTimeout: 180_000 };

/** These assert how long something takes, so no other server runs beside theirs. */
const TIMED = ["test/e2e/flood.e2e.test.ts", "test/e2e/sockets.e2e.test.ts"];

/** Which tests run where is told by their names: `*.test.ts` in plain Node, `*.workerd.test.ts` in the real runtime, `*.e2e.test.ts` against a real server. */
export default defineConfig({
  test: {
    // Tests wait for timers and queues more than they work, so two files run side by side even on two cores.
    maxWorkers: 2,
    // The Worker logs a line per request and order; only a failing test needs to show them.
    silent: "passed-only",
    // An actor may log after the last test of its file, when the runner has closed its ear: that is no failure of a test.
    onUnhandledError: ({ name, message }) => !(name === "EnvironmentTeardownError" && message.includes("onUserConsoleLog")),
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/**/*.workerd.test.ts", "test/**/*.e2e.test.ts"],
          // Properties and real timers share two cores with each other: a slow machine is no failure.
          testTimeout: 30_000,
        },
      },
      {
        plugins: [
          cloudflareTest(async () => ({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              compatibilityFlags: ["service_binding_extra_handlers"],
              // Besides the one of wrangler.toml: a test lays a history over them.
              d1Databases: { PART_1: "part-1", PART_2: "part-2", PART_3: "part-3", PART_4: "part-4" },
              bindings: {
                MIGRATIONS: await readD1Migrations("./migrations"),
                DEVELOPMENT_KEYS: "allow",
                PROVIDER_TOKEN_ADA: "token of ada",
                PROVIDER_TOKEN_BOB: "token of bob",
              },
            },
          })),
        ],
        test: {
          name: "workerd",
          include: ["test/**/*.workerd.test.ts"],
          setupFiles: ["test/support/migrate.ts"],
          // Orders wait for real queues here, whose consumers wait for each other on a busy machine.
          testTimeout: 30_000,
        },
      },
      {
        test: { name: "e2e", include: ["test/**/*.e2e.test.ts"], exclude: TIMED, sequence: { groupOrder: 1 }, ...endToEnd },
      },
      {
        test: { name: "e2e-timed", include: TIMED, fileParallelism: false, sequence: { groupOrder: 2 }, ...endToEnd },
      },
    ],
  },
});
