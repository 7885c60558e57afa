import { defineConfig } from "vitest/config";

/** The folders whose tests see what is mutated. */
const SEEING = "{contract,domain,http,messaging,ops,platform,projections,queues,runtime,tenants}";

/** The tests that are asked about each mutant. They run in plain Node, in milliseconds, and the same way each time. */
export default defineConfig({
  test: {
    include: [`test/${SEEING}/**/*.test.ts`],
    exclude: ["test/**/*.workerd.test.ts", "test/**/*.e2e.test.ts"],
    setupFiles: ["test/mutants/seeded.ts"],
    silent: true,
    // Most of a mutant's time would be spent on loading the same modules again for each file.
    isolate: false,
  },
});
