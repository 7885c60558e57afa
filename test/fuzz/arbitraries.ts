/** What strangers send: texts, numbers, names and JSON that break what was not thought through. All of it comes from fast-check's seed. */
import fc from "fast-check";

/** Keys that every object seems to have, and one that changes what it is. */
const PROTOTYPE_KEYS = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "valueOf"] as const;

/** Names that no contract knows. */
export const strangeKey = fc.oneof(
  fc.constantFrom(...PROTOTYPE_KEYS, "", " ", "a/b~c", "\0", "\ud800", "coupon", "0", "-1"),
  fc.string({ unit: "binary", maxLength: 20 }),
);

export const strangeText = fc.oneof(
  fc.constantFrom(...PROTOTYPE_KEYS, "", " ", "\0", "a\0b", "\ud800", "\udc00x", "\u202e", "\ufeff", "\u2028", "💩", "null", "NaN"),
  fc.constantFrom("1e999", "-0", "' OR 1=1 --", "%s%n", "{{7*7}}", "$&", "<script>", "../..", "a\r\nX-Injected: 1", "x".repeat(10_000)),
  fc.constantFrom("0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "+275760-09-13T00:00:00.001Z", "2026-02-30T00:00:00Z"),
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.string({ maxLength: 60 }),
);

/** What a header can carry; other bytes are told by the runtime's own warnings, which would bury everything else. */
export const fieldText = fc.oneof(
  strangeText.map((text) => text.replaceAll(/[^\t\x20-\x7e]/g, "")),
  fc.constantFrom(",", ";", "=", '"', "\\", "\t", "x".repeat(20_000)),
);

const strangeNumber = fc.oneof(
  fc.constantFrom("0", "-0", "-1", "1e999", "-1e999", "1e-999", "0.1", "1e21", "9007199254740991", "9007199254740993", "100000000001"),
  fc.constantFrom("2147483648", "4294967296", "9223372036854775808", "1".repeat(400), "2.5500000000000003", "1E2", "-1e-7"),
  fc.double({ noDefaultInfinity: true, noNaN: true }).map(String),
);

/** Deep enough to overflow a stack that recurses, small enough to be let in. */
const NESTINGS = [50, 5_000, 100_000] as const;
const deep = fc
  .record({ depth: fc.constantFrom(...NESTINGS), shape: fc.constantFrom(["[", "]"], ['{"a":', "}"], ['[{"lines":', "}]"]) })
  .map(({ depth, shape: [open, close] }) => `${open?.repeat(depth)}1${close?.repeat(depth)}`);

/** One JSON value, as text, because some of them exist only as text: `-0`, `1e999`, a key twice. */
export const strangeJson: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: strangeText.map((text) => JSON.stringify(text)) },
  { weight: 4, arbitrary: strangeNumber },
  {
    weight: 3,
    arbitrary: fc.constantFrom("null", "true", "false", "[]", "{}", "[null]", "[[]]", '{"a":1,"a":2}', '{"__proto__":{"a":1}}'),
  },
  { weight: 2, arbitrary: fc.json({ maxDepth: 3, stringUnit: "binary" }) },
  { weight: 1, arbitrary: deep },
);

/** What no JSON parser takes, or what is no text at all. */
export const brokenBody: fc.Arbitrary<string | Uint8Array> = fc.oneof(
  fc.constantFrom(
    "",
    " ",
    "{",
    "}",
    "[",
    '{"a"}',
    "{'a':1}",
    "{a:1}",
    "[1,]",
    "NaN",
    "undefined",
    "\ufeff",
    "\0",
    '"\\ud8"',
    "{}{}",
    "01",
    "+1",
  ),
  fc.constantFrom("[".repeat(100_000), '{"a":'.repeat(50_000), "a=b&c=d", "--x\r\ncontent-disposition: form-data\r\n\r\n1"),
  fc.string({ unit: "binary", maxLength: 100 }),
  fc.uint8Array({ maxLength: 100 }),
);

/** Pieces of a path, as they stand in the URL. */
export const strangeSegment = fc.oneof(
  fc.constantFrom("%", "%E0%A4%A", "%00", "%ff", "%C0%AF", "..%2f..", "%2e%2e", ".", "..", "%2F", "%25", "%252e", "a%20b", "%F0%9F%92%A9"),
  fc.constantFrom(
    ...PROTOTYPE_KEYS,
    "null",
    "*",
    ":id",
    "{id}",
    ";a=b",
    "a".repeat(20_000),
    "ord_",
    `ord_${"0".repeat(27)}`,
    `ORD_${"0".repeat(26)}`,
  ),
  strangeText.map((text) => encodeURIComponent(text.toWellFormed())),
);

/** A text with one character changed, dropped or doubled: what was valid a moment ago. */
export const slightlyWrong = (text: string): fc.Arbitrary<string> =>
  fc
    .record({
      at: fc.nat({ max: Math.max(0, text.length - 1) }),
      put: fc.oneof(fc.constantFrom("", "A", "=", "%", "\0"), fc.string({ minLength: 1, maxLength: 2 })),
    })
    .map(({ at, put }) => text.slice(0, at) + put + text.slice(at + 1));

/** Whatever a queue can carry: its messages are cloned, so they may hold more than JSON can say. */
export const strangeMessage: fc.Arbitrary<unknown> = fc.oneof(
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true, withSparseArray: true, maxDepth: 3 }),
  fc.constantFrom<unknown>(
    undefined,
    null,
    "",
    0n,
    -0,
    Number.NaN,
    "\ud800",
    { toString: null, amount: 1n },
    { toJSON: 1, valueOf: null, n: 1n },
  ),
  strangeJson.map(parseOrText),
);

function parseOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
