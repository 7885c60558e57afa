/**
 * What every Durable Object here is made of: metered storage, requests that are counted, and an alarm that does not give
 * up. A subclass adds what it is about; it keeps its own methods `#private`, because whatever else stands on its prototype
 * can be called over RPC, and counts as a request of the platform.
 */
import { DurableObject } from "cloudflare:workers";
import type { Env } from "../env.ts";
import { now } from "../platform/ambient.ts";
import { excerpt, type LogFields, log } from "../platform/log.ts";
import { Meter } from "../platform/meter.ts";
import { ActorStorage } from "../platform/storage.ts";

/** After a wake that threw: soon enough to keep what was promised, late enough not to spin. */
const WAKE_FAILED_MS = 5_000;

/** The platform deletes an alarm whose sixth retry has failed, so the fifth is not spent on the work that keeps failing. */
const LAST_RETRY = 5;

/** The classes whose methods are metered already, with the names of these methods. */
const metered = new WeakMap<object, ReadonlySet<string>>();

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

  /** The alarm went off. An actor that arms one says here what it is for; when it throws it is woken again a little later. */
  protected async wake(): Promise<void> {}

  /** What log lines about the actor carry. */
  protected get subject(): LogFields {
    return { name: this.ctx.id.name };
  }

  /** Throws only when not even an alarm can be set; the platform then retries it, and an actor that cannot write can do no better. */
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

/** On the prototype, but no requests: an alarm is counted by `alarm`, and a socket's message is billed as a twentieth of one. */
const NOT_METERED: ReadonlySet<string> = new Set(["constructor", "wake", "alarm", "webSocketMessage", "webSocketClose", "webSocketError"]);

/**
 * Lets every public method of a class count as one request, with all that it adds while it runs or is waited for. They are
 * replaced on the prototype, once per class, because RPC calls no others. One that calls another counts two, so it does not.
 * The local server hosts a class that it derives from ours, so the methods of all classes up to `Actor` are replaced. A method
 * that overrides one of them is not counted a second time.
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
