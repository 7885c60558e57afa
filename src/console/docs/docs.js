// @ts-check
/**
 * Gives the viewer of the API documentation the console's colours, and the key of this tab, so that its requests can be
 * tried at once. Everything that the viewer shows comes from `/openapi.json`.
 */
import { storedKey } from "../key.js";

/** The name of the security scheme in the contract. */
const SCHEME = "apiKey";

const LIGHT = {
  theme: "light",
  "bg-color": "#ffffff",
  "text-color": "#16202b",
  "primary-color": "#0f766e",
  "nav-bg-color": "#f4f6f8",
  "nav-text-color": "#586574",
  "nav-hover-bg-color": "#e6eceb",
  "nav-hover-text-color": "#16202b",
  "nav-accent-color": "#0f766e",
};

const DARK = {
  theme: "dark",
  "bg-color": "#0d1117",
  "text-color": "#dfe6ee",
  "primary-color": "#3cc8b4",
  "nav-bg-color": "#141a22",
  "nav-text-color": "#8f9dad",
  "nav-hover-bg-color": "#1a222c",
  "nav-hover-text-color": "#dfe6ee",
  "nav-accent-color": "#3cc8b4",
};

const viewer = document.querySelector("rapi-doc");
const dark = window.matchMedia("(prefers-color-scheme: dark)");

function dress() {
  for (const [name, value] of Object.entries(dark.matches ? DARK : LIGHT)) viewer?.setAttribute(name, value);
}

dark.addEventListener("change", dress);
viewer?.addEventListener("spec-loaded", () => {
  const key = storedKey();
  if (key !== null) /** @type {any} */ (viewer).setApiKey(SCHEME, key);
});
dress();
// Loaded only now, so that the viewer never shows itself undressed.
const bundle = document.createElement("script");
bundle.type = "module";
bundle.src = "/docs/rapidoc-min.js";
document.head.append(bundle);
