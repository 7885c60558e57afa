/** What `npm start` says when the server is ready: where it is, and what to try. */
import { DEVELOPMENT_KEY } from "../dev-key.ts";

const DEFAULT_URL = "http://localhost:8787";

/** @param url where the server listens */
export const greeting = (url: string): string => `
  Orderline is up.

  Console  ${url}/#key=${DEVELOPMENT_KEY}
  API      ${url}/docs/  (contract: ${url}/openapi.json)
  Key      ${DEVELOPMENT_KEY}  (development only)

  Submit an order, then follow it:

  curl -s ${url}/v1/orders -H 'authorization: Bearer ${DEVELOPMENT_KEY}' \\
    -H 'content-type: application/json' -H "idempotency-key: try-$(date +%s)" \\
    -d '{"currency":"GBP","lines":[{"sku":"85123A","quantity":6,"unitPrice":255}],"customer":{"email":"ada@example.com"},"shipTo":{"country":"GB"},"payment":{"token":"tok_visa"}}'

  curl -s ${url}/v1/orders/<id from the answer> -H 'authorization: Bearer ${DEVELOPMENT_KEY}'

  Real invoices:  npm run replay${url === DEFAULT_URL ? "" : ` -- --url ${url}`}

  From here on: a line per order, as it is accepted and as it comes to an end or needs a person, and one per warning.
  Everything, as JSON:  npm start -- --verbose
`;
