/** Conditional reads (RFC 9110, 13.1.2). */

/** An entity tag, strong or weak. Its text is what stands between the quotes; a comma may be part of it. */
const ENTITY_TAG = /(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g;

/**
 * Whether a client that sends `If-None-Match` has this version already. The comparison is weak, as RFC 9110 demands here,
 * because a cache or a proxy that compresses turns a strong tag into a weak one. A header that is no list of tags matches
 * nothing.
 * @param etag strong, with its quotes
 */
export function isUnchanged(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === "*") return true;
  const isList = /^[\s,]*$/.test(ifNoneMatch.replaceAll(ENTITY_TAG, ""));
  return isList && [...ifNoneMatch.matchAll(ENTITY_TAG)].some(([, tag]) => tag === etag);
}
