/** Draws the same examples in each run, so that a mutant that a property kills is killed each time. */
import fc from "fast-check";

fc.configureGlobal({ seed: 20_261_121 });
