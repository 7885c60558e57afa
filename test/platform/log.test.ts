import { describe, expect, it } from "vitest";
import { z } from "zod";
import { excerpt } from "../../src/platform/log.ts";

/** Thrown by the platform itself, so that the test knows how it words them. */
function thrownBy(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

describe("What is told of an exception", () => {
  const Person = z.strictObject({ name: z.string().max(3), kind: z.enum(["a", "b"]), tags: z.record(z.string().max(3), z.int()) });

  it.each<[string, unknown]>([
    ["a body that is no JSON", thrownBy(() => JSON.parse("ada@example.com lives at 1 Road, London, and this is not JSON at all"))],
    ["a body that is cut off", thrownBy(() => JSON.parse('{"name": "Ada Lovelace'))],
    [
      "what does not fit a schema",
      thrownBy(() => Person.parse({ name: "Ada Lovelace", kind: "Ada", tags: { "ada@example.com": "x" }, "Ada Lovelace": 1 })),
    ],
    ["a value that D1 cannot hold", new Error("D1_TYPE_ERROR: Type 'object' not supported for value 'Ada Lovelace, 1 Road'")],
    ["a URL", new TypeError("Invalid URL: https://shop.example/orders/ada@example.com?q=1")],
    ["an address", new Error("no mailbox for <ada@example.com>")],
    ["a value in other quotation marks", new Error("cannot find “Ada Lovelace” or ‘Lovelace’ or `Ada`")],
  ])("holds nothing of %s", (_, error) => {
    expect(error).toBeInstanceOf(Error);
    expect(excerpt(error)).not.toMatch(/ada|lovelace|road|london/i);
  });

  it("still says what went wrong, and where a schema found it", () => {
    expect(excerpt(new TypeError("Cannot read properties of undefined (reading 'lines')"))).toBe(
      "TypeError: Cannot read properties of undefined (reading …)",
    );
    expect(excerpt(new Error("D1 can't be reached; it doesn't answer"))).toBe("Error: D1 can't be reached; it doesn't answer");
    expect(excerpt(thrownBy(() => Person.parse({ name: "Ada Lovelace", tags: { "ada@example.com": 1, b: "Ada" } })))).toBe(
      "ZodError: too_big at name; invalid_value at kind; invalid_key at tags.*; invalid_type at tags.b",
    );
  });

  it("is one short line", () => expect(excerpt(new Error(`a\n${"b".repeat(1_000)}`))).toHaveLength(200));
});
