import type { Context } from "hono";
import { afterEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { problem } from "../../src/contract/problems.ts";
import type { Call } from "../../src/http/context.ts";
import { invalid, invalidFields, orNull, refused, respond, unexpected } from "../../src/http/problem.ts";
import { log } from "../../src/platform/log.ts";

afterEach(() => void vi.restoreAllMocks());

const errorsOf = (schema: z.ZodType, value: unknown, at?: readonly string[]) => {
  const { error } = schema.safeParse(value);
  return invalid(error as z.ZodError, at).errors;
};

describe("What a schema finds wrong", () => {
  it("is told with a pointer to each place, from where the value stands in the body", () => {
    const schema = z.strictObject({ lines: z.array(z.object({ sku: z.string("must be a text") })) });
    const found = [{ pointer: "/lines/1/sku", detail: "must be a text" }];
    expect(errorsOf(schema, { lines: [{ sku: "a" }, { sku: 7 }] })).toEqual(found);
    expect(errorsOf(schema, { lines: [{ sku: "a" }, { sku: 7 }] }, ["orders", "3"])).toEqual([
      { pointer: "/orders/3/lines/1/sku", detail: "must be a text" },
    ]);
  });

  it("names each unknown field at its own place, as JSON Pointers write it, cut short and whole", () => {
    const pointers = errorsOf(z.strictObject({}), { "a/b~c": 1, ["x".repeat(300)]: 2, [`${"y".repeat(99)}😀`]: 3 });
    expect(pointers?.map(({ pointer }) => pointer)).toEqual(["/a~1b~0c", `/${"x".repeat(100)}`, `/${"y".repeat(99)}\ufffd`]);
  });

  it("is told up to twenty times, of bad lines as of unknown fields", () => {
    const many = Array.from({ length: 30 }, (_, index) => index);
    expect(errorsOf(z.array(z.string()), many)).toHaveLength(20);
    expect(errorsOf(z.strictObject({}), Object.fromEntries(many.map((n) => [`k${n}`, n])))).toHaveLength(20);
    const both = z.object({ a: z.strictObject({}), b: z.strictObject({}) });
    const fields = Object.fromEntries(many.slice(0, 15).map((n) => [`k${n}`, n]));
    expect(errorsOf(both, { a: fields, b: fields })).toHaveLength(20);
  });

  it("is summed up by the first finding", () => {
    const detail = "must be a text";
    expect(
      invalidFields([
        { pointer: "/a", detail },
        { pointer: "/b", detail: "is missing" },
      ]).detail,
    ).toBe("/a: must be a text");
    expect(invalidFields([{ pointer: "", detail }]).detail).toBe("the body: must be a text");
    expect(invalidFields([])).toMatchObject({ status: 422, detail: "the request does not fit", errors: [] });
  });
});

describe("A command's refusal", () => {
  it("is a conflict, with its evidence", () => {
    expect(refused({ reason: "wrong_status", command: "CancelOrder", status: "completed", detail: "too late" })).toMatchObject({
      status: 409,
      detail: "too late",
      command: "CancelOrder",
      orderStatus: "completed",
    });
    expect(refused({ reason: "wrong_stage", wanted: "shipped", next: "picking", detail: "not yet" })).toMatchObject({
      status: 409,
      detail: "not yet",
      wanted: "shipped",
      next: "picking",
    });
  });
});

describe("An exception at the edge", () => {
  const about = { trace: "t1", path: "/v1/orders" };

  it.each([{ retryable: true }, { overloaded: true }, { durableObjectReset: true }])(
    "with %j passes: the caller may try again",
    (marks) => {
      const warn = vi.spyOn(log, "warn").mockReturnValue();
      expect(unexpected(Object.assign(new Error("moved"), marks), about)).toMatchObject({ status: 503, trace: "t1" });
      expect(warn.mock.calls).toEqual([["http.bug", { ...about, error: "Error: moved" }]]);
    },
  );

  it.each([{}, { retryable: false, overloaded: false, durableObjectReset: false }, { retryable: "true" }])("with %j is a bug", (marks) => {
    const error = vi.spyOn(log, "error").mockReturnValue();
    expect(unexpected(Object.assign(new Error("oops"), marks), about)).toMatchObject({ status: 500, trace: "t1" });
    expect(error.mock.calls).toEqual([["http.bug", { ...about, error: "Error: oops" }]]);
  });
});

describe("A source that may be down", () => {
  const call = { var: { trace: "t1" } } as Call;

  it("answers, or is told of in the log and answers nothing", async () => {
    const warn = vi.spyOn(log, "warn").mockReturnValue();
    expect(await orNull(call, Promise.resolve(7))).toBe(7);
    expect(warn).not.toHaveBeenCalled();
    expect(await orNull(call, Promise.reject(new Error("D1 is down")))).toBeNull();
    expect(warn.mock.calls).toEqual([["http.bug", { trace: "t1", error: "Error: D1 is down" }]]);
  });
});

describe("A problem as an answer", () => {
  const json = (...args: unknown[]) => args;

  it("has its status and its media type, whatever other headers it has", () => {
    const conflict = problem("not-found", "no such order");
    const answered = (headers?: Record<string, string>) => respond({ json } as unknown as Context, conflict, headers) as unknown;
    expect(answered()).toEqual([conflict, 404, { "content-type": "application/problem+json" }]);
    expect(answered({ allow: "GET", "content-type": "text/plain" })).toEqual([
      conflict,
      404,
      { allow: "GET", "content-type": "application/problem+json" },
    ]);
  });
});
