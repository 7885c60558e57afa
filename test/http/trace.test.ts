import { describe, expect, it } from "vitest";
import { traceIdOf } from "../../src/http/trace.ts";

const GIVEN = "4bf92f3577b34da6a3ce929d0e0e4736";
const of = (traceparent?: string) => traceIdOf(new Headers(traceparent === undefined ? {} : { traceparent }));

describe("The trace id of a request", () => {
  it.each([`00-${GIVEN}-00f067aa0ba902b7-01`, `01-${GIVEN}-00f067aa0ba902b7-01-more`])("is the caller's own in %s", (traceparent) => {
    expect(of(traceparent)).toBe(GIVEN);
  });

  it.each([
    undefined,
    "",
    GIVEN,
    `00-${"0".repeat(32)}-00f067aa0ba902b7-01`,
    `00-${GIVEN.toUpperCase()}-00f067aa0ba902b7-01`,
    `00-${GIVEN}-00f067aa0ba902b7-01x`,
    `0-${GIVEN}-00f067aa0ba902b7-01`,
    `x00-${GIVEN}-00f067aa0ba902b7-01`,
    `00-${GIVEN}-00f067aa0ba902b-01`,
    `00-${GIVEN}-00f067aa0ba902b7-1`,
    `00-${GIVEN.slice(1)}-00f067aa0ba902b7-01`,
  ])("is made here for %j, another each time", (traceparent) => {
    const [one, two] = [of(traceparent), of(traceparent)];
    expect(one).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set([one, two, GIVEN, "0".repeat(32)]).size).toBe(4);
  });
});
