/**
 * Holds `Env` against the bindings of `wrangler.toml`, as `npm run bindings` generates them; the compiler is the test. What
 * a deployment may leave out, such as a secret, is optional in `Env` and need not be in that file.
 */
import type { Env } from "../../src/env.ts";

type Generated = Cloudflare.Env;
type RequiredOf<T> = { [Name in keyof T as undefined extends T[Name] ? never : Name]: T[Name] };

/** What wrangler binds is what the Worker is given. */
export const bound = {} as Generated satisfies RequiredOf<Env>;
/** What wrangler binds has a name in `Env`. */
export const named = {} as keyof Generated satisfies keyof Env;
