/** How a socket that comes back says what it has seen: `?after=N`, the `seq` of the last frame that it was sent. */
import { z } from "zod";

/** Digits only, as a URL carries them; no more than an exact integer has. */
const After = z
  .string()
  .regex(/^\d{1,16}$/)
  .transform(Number)
  .pipe(z.int());

export type Resume =
  | { readonly outcome: "fresh" }
  | { readonly outcome: "after"; readonly seq: number }
  | { readonly outcome: "refused"; readonly detail: string };

/** @param after the query parameter, null when it is absent */
export function readResume(after: string | null): Resume {
  if (after === null) return { outcome: "fresh" };
  const seq = After.safeParse(after);
  if (!seq.success) return { outcome: "refused", detail: "after: must be the `seq` of a frame, a whole number from 0" };
  return { outcome: "after", seq: seq.data };
}
