/** Takes a CPU profile of a running Worker over the DevTools protocol that `wrangler dev` speaks on its inspector's port. */
import { once } from "node:events";
import WebSocket from "ws";
import { z } from "zod";
import { CpuProfile } from "./profile.ts";

const Targets = z.array(z.looseObject({ webSocketDebuggerUrl: z.url() })).min(1);

const Answer = z.looseObject({ id: z.int(), result: z.unknown().optional(), error: z.looseObject({ message: z.string() }).optional() });

const Source = z.looseObject({ scriptSource: z.string() });

/** What wrangler bundles the Worker into. */
const BUNDLE = "index.js";

interface Profiled {
  readonly profile: CpuProfile;
  /** The source of the Worker as it ran. */
  readonly bundle: { readonly scriptId: string; readonly source: string };
}

/** A sample every 200 microseconds shows what takes a tenth of a millisecond per order within some hundred orders. */
const SAMPLING_INTERVAL_US = 200;

/**
 * Profiles the Worker for the time of `work`.
 * @param port of the inspector; the server must not be stopped meanwhile
 * @throws when the inspector cannot be reached or answers with an error
 */
export async function profiled(port: number, work: () => Promise<void>): Promise<Profiled> {
  const targets = await (await fetch(`http://127.0.0.1:${port}/json`)).json();
  const [{ webSocketDebuggerUrl }] = Targets.parse(targets) as [{ webSocketDebuggerUrl: string }];
  // Node's own WebSocket cannot name an origin, and the inspector lets in only those of this machine.
  const socket = new WebSocket(webSocketDebuggerUrl, { origin: "http://localhost" });
  try {
    await once(socket, "open");
    await ask(socket, 1, "Profiler.enable");
    await ask(socket, 2, "Profiler.setSamplingInterval", { interval: SAMPLING_INTERVAL_US });
    await ask(socket, 3, "Profiler.start");
    await work();
    const { profile } = z.object({ profile: CpuProfile }).parse(await ask(socket, 4, "Profiler.stop"));
    const scriptId = profile.nodes.find(({ callFrame: { url } }) => url.endsWith(BUNDLE))?.callFrame.scriptId ?? "";
    // Only when the profile is taken, because a debugger that looks on costs time.
    await ask(socket, 5, "Debugger.enable");
    const { scriptSource: source } = Source.parse(await ask(socket, 6, "Debugger.getScriptSource", { scriptId }));
    return { profile, bundle: { scriptId, source } };
  } finally {
    socket.close();
  }
}

/** The other side also tells of what nobody asked, such as log lines. */
function ask(socket: WebSocket, id: number, method: string, params: object = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const listen = (message: WebSocket.RawData) => {
      const answer = Answer.safeParse(JSON.parse(String(message)));
      if (answer.data?.id !== id) return;
      socket.off("message", listen);
      if (answer.data.error) reject(new Error(`${method}: ${answer.data.error.message}`));
      else resolve(answer.data.result);
    };
    socket.on("message", listen);
    socket.send(JSON.stringify({ id, method, params }));
  });
}
