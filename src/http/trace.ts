/** The trace id of a request: the caller's own from `traceparent` (W3C Trace Context), else one made here. */
import { uuid } from "../platform/ambient.ts";

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/;
const INVALID = "0".repeat(32);

/** 32 lower-case hex digits. */
export function traceIdOf(headers: Headers): string {
  const given = TRACEPARENT.exec(headers.get("traceparent") ?? "")?.[1];
  return given === undefined || given === INVALID ? uuid().replaceAll("-", "") : given;
}
