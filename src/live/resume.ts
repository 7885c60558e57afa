/** How a socket that comes back says what it has seen: `?after=N`, the `seq` of the last frame that it was sent. */
import { FrameSeq } from "../contract/stats.ts";

export type Resume =
  | { readonly outcome: "fresh" }
  | { readonly outcome: "after"; readonly seq: number }
  | { readonly outcome: "refused"; readonly detail: string };

/** @param after the query parameter, null when it is absent */
export function readResume(after: string | null): Resume {
  if (after === null) return { outcome: "fresh" };
  const seq = FrameSeq.safeParse(after);
  if (!seq.success) return { outcome: "refused", detail: `after: ${seq.error.issues[0]?.message}` };
  return { outcome: "after", seq: Number(seq.data) };
}
