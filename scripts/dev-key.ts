/**
 * The API key that works on a laptop without any set-up. It is fixed, public and worthless: `npm start` and the tests seed
 * it into the local store only, and a deployment refuses it even if somebody copies it there.
 */
export const DEVELOPMENT_KEY = "olk_dev_orderline-local-development-key";
