/**
 * What every Durable Object here has: metered storage, counted requests, and an alarm that does not give up. A
 * subclass keeps its helpers `#private`, because any other method of its prototype can be called over RPC and is counted as
 * a request.
 */
import { DurableObject } from "cloudflare:workers";
import type { Env } from "../env.ts";
import { now } from "../platform/ambient.ts";
import { excerpt, type LogFields, log } from "../platform/log.ts";
import { Meter } from "../platform/meter.ts";
import { ActorStorage } from "../platform/storage.ts";

/** The pause after a wake that threw: soon enough to keep what was promised, late enough not to spin. */
const WAKE_FAILED_MS = 5_000;

/**
 * The platform deletes an alarm whose sixth retry has failed. So the fifth retry only arms the alarm anew, and does not
 * spend itself on work that keeps failing.
 */
const LAST_RETRY = 5;

/** The classes whose methods are metered already, with the names of these methods. */
const metered = new WeakMap<object, ReadonlySet<string>>();

/** The base of every Durable Object here. */
export abstract class Actor extends DurableObject<Env> {
  protected readonly store: ActorStorage;
  protected readonly meter: Meter;

  /** @param schema the steps of the actor's SQL schema, see `ActorStorage` */
  constructor(ctx: DurableObjectState, env: Env, schema: readonly string[] = []) {
    super(ctx, env);
    meterRequests(new.target.prototype);
    this.meter = new Meter(new.target.name, env);
    this.store = new ActorStorage(ctx.storage, this.meter, schema);
  }

  /** What the actor armed its alarm for. When it throws, it is called again a little later. */
  protected async wake(): Promise<void> {}

  /** The fields that name the actor in log lines. */
  protected get subject(): LogFields {
    return { name: this.ctx.id.name };
  }

  /** Throws only when no alarm can be set. The platform then retries the alarm; an actor that cannot write can do no better. */
  override async alarm(invocation?: AlarmInvocationInfo): Promise<void> {
    await this.meter.request(async () => {
      if (invocation && invocation.retryCount >= LAST_RETRY) return this.store.arm(now() + WAKE_FAILED_MS);
      try {
        await this.wake();
      } catch (error) {
        log.error("actor.alarm_failed", { actor: this.constructor.name, ...this.subject, error: excerpt(error) });
        await this.store.arm(now() + WAKE_FAILED_MS);
      }
    });
  }
}

/** On the prototype, but no requests. `alarm` counts itself, and a message of a socket is billed as a twentieth of a request. */
const NOT_METERED: ReadonlySet<string> = new Set(["constructor", "wake", "alarm", "webSocketMessage", "webSocketClose", "webSocketError"]);

/**
 * Counts every call of a public method as one request, together with the units that it uses. The methods are replaced on
 * the prototype, once per class, because RPC finds them there. A public method must not call another one, since that would
 * be counted twice.
 *
 * The local server hosts a class that it derives from ours, so the methods of all classes up to `Actor` are replaced. A
 * method that overrides a replaced one is not replaced again.
 * @returns the names of the methods that are metered in this class or in one that it is derived from
 */
function meterRequests(prototype: object): ReadonlySet<string> {
  if (prototype === Actor.prototype) return NOT_METERED;
  const known = metered.get(prototype);
  if (known) return known;
  const names = new Set(meterRequests(Object.getPrototypeOf(prototype)));
  for (const [name, { value: method, ...attributes }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (typeof method !== "function" || names.has(name)) continue;
    function request(this: { readonly meter: Meter }, ...args: unknown[]): unknown {
      return this.meter.request(() => method.apply(this, args));
    }
    Object.defineProperty(prototype, name, { ...attributes, value: request });
    names.add(name);
  }
  metered.set(prototype, names);
  return names;
}
