import { describe, expect, it } from "vitest";
import { base32, hex, sha256 } from "../../src/platform/digest.ts";

describe("Digests", () => {
  it("are SHA-256, in hex as everybody writes it", async () => {
    expect(hex(await sha256("abc"))).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });
});

describe("Base32", () => {
  it("takes the highest bits first and fills the last digit up with zeros", () => {
    expect(base32(Uint8Array.of(0b00001_000, 0b10_00011_0, 0b0100_0010, 0b1_00110_00, 0b111_11111))).toBe("1234567z");
    expect(base32(Uint8Array.of(0xff))).toBe("zw");
  });
});
