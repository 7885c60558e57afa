/**
 * The provider that everything is measured with, as a process of its own: it answers every call after a set time and
 * remembers when it was told to send an order's confirmation. That moment, by the clock of the machine, is when an order
 * counts as confirmed, whoever carried it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";

const Behaviour = z.object({
  /** What every call takes. */
  latencyMs: z.number().min(0),
  /** Of so many authorizations one takes `hangMs`; 0 for none. */
  hangEvery: z.int().min(0).default(0),
  hangMs: z.number().min(0).default(10_000),
});
export type Behaviour = z.input<typeof Behaviour>;

/** By reference, when the confirmation was sent, in milliseconds since the epoch. */
const Confirmed = z.record(z.string(), z.number());

export interface Provider {
  readonly url: string;
  behave(behaviour: Behaviour): Promise<void>;
  /** All that were confirmed since it was last asked. */
  confirmed(): Promise<ReadonlyMap<string, number>>;
}

/** Starts the process, which ends with this one. */
export async function startProvider(): Promise<Provider> {
  const child = spawn(process.execPath, [import.meta.filename], { stdio: ["ignore", "pipe", "inherit"] });
  process.on("exit", () => child.kill("SIGKILL"));
  const [url] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return {
    url,
    behave: async (behaviour) => void (await fetch(`${url}/behaviour`, { method: "POST", body: JSON.stringify(behaviour) })),
    confirmed: async () => new Map(Object.entries(Confirmed.parse(await (await fetch(`${url}/confirmed`)).json()))),
  };
}

/** Milliseconds since the epoch, with the fraction that `Date.now` leaves out. */
export const epochMs = (): number => performance.timeOrigin + performance.now();

async function serve(): Promise<void> {
  let behaviour = Behaviour.parse({ latencyMs: 0 });
  let confirmed: Record<string, number> = {};
  let authorizations = 0;

  async function answer(request: IncomingMessage): Promise<unknown> {
    const body = await text(request);
    switch (request.url) {
      case "/behaviour":
        behaviour = Behaviour.parse(JSON.parse(body));
        return {};
      case "/confirmed": {
        const told = confirmed;
        confirmed = {};
        return told;
      }
      case "/payment/authorize": {
        const hangs = behaviour.hangEvery > 0 && ++authorizations % behaviour.hangEvery === 0;
        await sleep(hangs ? behaviour.hangMs : behaviour.latencyMs);
        return { reference: "r" };
      }
      case "/notification/send": {
        await sleep(behaviour.latencyMs);
        const { reference } = JSON.parse(body) as { reference: string };
        confirmed[reference] ??= epochMs();
        return { reference: "r" };
      }
      default:
        await sleep(behaviour.latencyMs);
        return { reference: "r", tracked: [] };
    }
  }

  const server = createServer((request, response) => {
    void answer(request).then((said) => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(said));
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

if (process.argv[1] === import.meta.filename) await serve();
