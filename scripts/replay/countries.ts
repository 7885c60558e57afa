/**
 * Country names as people write them, as ISO 3166-1 alpha-2 codes. It never guesses: a name that it does not know is
 * answered with undefined. The English names come from the runtime's own locale data, so there is no table to keep up to date.
 */
import { iso31661 } from "iso-3166";

/** Names that differ from the locale data, as they stand in the retail data. */
const ALIASES: Readonly<Record<string, string>> = {
  EIRE: "IE",
  RSA: "ZA",
  USA: "US",
  "Hong Kong": "HK",
  "Czech Republic": "CZ",
  Korea: "KR",
  // Two bailiwicks without a common code; the source does not say which. Guernsey stands for both.
  "Channel Islands": "GG",
};

const NAMES = new Intl.DisplayNames("en", { type: "region" });

const CODES: ReadonlyMap<string, string> = new Map([
  ...iso31661.map(({ alpha2 }) => [NAMES.of(alpha2) ?? alpha2, alpha2] as const),
  ...Object.entries(ALIASES),
]);

/** @returns undefined for a name that is no country, such as "Unspecified" or "European Community" */
export const countryCode = (name: string): string | undefined => CODES.get(name);
