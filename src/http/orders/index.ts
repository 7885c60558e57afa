/** Orders over HTTP: submitting, reading and commanding them. */
import { router } from "../openapi.ts";
import { commands } from "./commands.ts";
import { reading } from "./read.ts";
import { submission } from "./submit.ts";

/** The routes below `/v1/orders`. */
export const orders = router();

orders.route("/", submission);
orders.route("/", reading);
orders.route("/", commands);
