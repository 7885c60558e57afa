/** Whether a server could listen on a port, found out by trying, before anything is started that would fail on it later. */
import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** What `localhost` may stand for. */
const LOOPBACK = ["127.0.0.1", "::1"];

/** A server that was killed a moment ago still holds its port until the kernel has cleaned up after it. */
const ATTEMPTS = 10;
const ATTEMPT_INTERVAL_MS = 100;

/** @returns why nothing can listen there, in one sentence, or null when it is free */
export async function whyUnusable(port: number, ip = "localhost"): Promise<string | null> {
  if (port === 0) return null;
  const addresses = ip === "localhost" ? LOOPBACK : [ip];
  for (let attempt = 1; ; attempt++) {
    const reasons = await Promise.all(addresses.map((address) => trouble(port, address)));
    const reason = reasons.find((each) => each !== null) ?? null;
    if (reason === null || attempt === ATTEMPTS) return reason;
    await sleep(ATTEMPT_INTERVAL_MS);
  }
}

/** Listening alone does not tell: some systems let two servers share a port when one of them listens on every address. */
async function trouble(port: number, address: string): Promise<string | null> {
  const code = (await answers(port, address)) ? "EADDRINUSE" : await bind(port, address);
  if (code === "EADDRINUSE") return `Port ${port} is taken: another program listens there.`;
  if (code === "EACCES") return `Port ${port} may not be listened on without special rights.`;
  // A machine without IPv6 has no ::1, which is no trouble; any other address was asked for by name.
  if (code !== null && !LOOPBACK.includes(address)) return `Nothing can listen on ${address}, port ${port}: ${code}.`;
  return null;
}

function answers(port: number, address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: address === "0.0.0.0" ? "127.0.0.1" : address });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true)).once("error", () => end(false));
    socket.setTimeout(1_000, () => end(false));
  });
}

/** @returns the code of the error, or null when it could listen */
function bind(port: number, address: string): Promise<string | null> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    probe.listen({ port, host: address, exclusive: true }, () => probe.close(() => resolve(null)));
  });
}
