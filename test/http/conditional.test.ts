import { describe, expect, it } from "vitest";
import { isUnchanged } from "../../src/http/conditional.ts";

describe("If-None-Match", () => {
  it.each(['"3"', 'W/"3"', '"1", "3"', 'W/"1",W/"3"', '"1","2" , "3"', "*", " * ", '"a,b", "3"'])("knows version 3 in %s", (header) => {
    expect(isUnchanged(header, '"3"')).toBe(true);
  });

  it.each([undefined, "", "3", '"2"', 'w/"3"', '"33"', '"1", "2"', "W/3", '"3', '"1" "2"', '"*"', ",", '"x, 3"'])(
    "does not in %j",
    (header) => {
      expect(isUnchanged(header, '"3"')).toBe(false);
    },
  );
});
