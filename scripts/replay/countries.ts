/**
 * Country names as people write them, as ISO 3166-1 alpha-2 codes. It never guesses: a name that it does not know is
 * answered with undefined. The English names come from the runtime's own locale data, so there is no table to keep up to date.
 */

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

/** Regions that the locale data names but that no ISO 3166-1 code is assigned to: reserved codes, groups and placeholders. */
const NOT_ASSIGNED: ReadonlySet<string> = new Set("AC CP CQ DG EA EU EZ IC QO TA UN XA XB XK ZZ".split(" "));

const CODES: ReadonlyMap<string, string> = new Map([...isoNames(), ...Object.entries(ALIASES)]);

/** @returns undefined for a name that is no country, such as "Unspecified" or "European Community" */
export const countryCode = (name: string): string | undefined => CODES.get(name);

function* isoNames(): Generator<[name: string, code: string]> {
  const names = new Intl.DisplayNames("en", { type: "region", fallback: "none" });
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (const first of letters) {
    for (const second of letters) {
      const code = first + second;
      const name = names.of(code);
      // A withdrawn code such as DD or FX has the name of its successor; only the successor names itself.
      const current = new Intl.Locale(`und-${code}`).region === code;
      if (name !== undefined && current && !NOT_ASSIGNED.has(code)) yield [name, code];
    }
  }
}
