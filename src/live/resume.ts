/** The query parameter `after=N`, with which a client resumes its stream: the `seq` of the last frame that it received. */
import { FrameSeq } from "../contract/stats.ts";

/** `fresh`: the client has seen nothing yet. `refused`: the value is not the number of any frame. */
export type Resume =
  | { readonly outcome: "fresh" }
  | { readonly outcome: "after"; readonly seq: number }
  | { readonly outcome: "refused"; readonly detail: string };

/** @param after the value of the parameter, null when it is absent */
export function readResume(after: string | null): Resume {
  if (after === null) return { outcome: "fresh" };
  const seq = FrameSeq.safeParse(after);
  if (!seq.success) return { outcome: "refused", detail: `after: ${seq.error.issues[0]?.message}` };
  return { outcome: "after", seq: Number(seq.data) };
}
