import { describe, expect, it } from "vitest";
import { z } from "zod";
import { cursorOf } from "../../src/platform/cursor.ts";
import { base64url } from "../../src/platform/digest.ts";

const pages = cursorOf(z.object({ after: z.int().min(0) }));
const encoded = (json: string) => base64url.encode(new TextEncoder().encode(json));

describe("A cursor", () => {
  it("is read back as the position that it was written for, and fits into a URL as it is", async () => {
    const cursor = await pages.write({ after: 7 }, "all");
    expect(cursor).toMatch(/^[\w-]+$/);
    expect(await pages.read(cursor, "all")).toEqual({ outcome: "read", position: { after: 7 } });
  });

  it("belongs to the question that it was made for", async () => {
    const cursor = await pages.write({ after: 7 }, "all");
    expect(await pages.read(cursor, "failed")).toEqual({ outcome: "refused", reason: "cursor_of_other_filters" });
  });

  it.each(["", "x", "!!", "e30", encoded("null"), encoded('{"position":{"after":-1},"filters":"x"}'), "\u{1f600}", "a".repeat(200), "é"])(
    "is refused when nobody wrote it: %j",
    async (cursor) => {
      expect(await pages.read(cursor, "all")).toEqual({ outcome: "refused", reason: "cursor_invalid" });
    },
  );
});
