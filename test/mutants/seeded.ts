/** Draws the same examples in each run, so that a mutant that a property kills is killed each time; nobody reads how it might be said shorter. */
import fc from "fast-check";

fc.configureGlobal({ seed: 20_261_121, endOnFailure: true });
