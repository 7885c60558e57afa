import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** The folders whose tests see what is mutated. */
const SEEING = "{domain,http,messaging,projections,queues,runtime}";

/** Tests that take longer than all the others together: they load the whole HTTP face, or live hundreds of lives. */
const SLOW = ["test/http/{commands,keys,scopes}.test.ts", "test/runtime/{breaker-attack,order-storms}.test.ts"];

/** The tests of single rules come first, because the first test that fails ends the matter. */
class InOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((a, b) => (a.moduleId < b.moduleId ? -1 : 1));
  }
}

/** The tests that are asked about each mutant. They run in plain Node, in milliseconds, and the same way each time. */
export default defineConfig({
  test: {
    include: [`test/${SEEING}/**/*.test.ts`],
    exclude: ["test/**/*.workerd.test.ts", "test/**/*.e2e.test.ts", ...SLOW],
    setupFiles: ["test/mutants/seeded.ts"],
    silent: true,
    // Most of a mutant's time would be spent on loading the same modules again for each file.
    isolate: false,
    sequence: { sequencer: InOrder },
  },
});
