/** The four calls that every peer makes for an order, as plain code would make them: no deadline, no retry. */

export interface Order {
  readonly reference: string;
}

/** In the order in which an order needs them. */
export const CALLS = ["payment/authorize", "fulfilment/route", "payment/capture", "notification/send"] as const;

/** @throws when the provider answers with anything but a success */
export async function call(provider: string, operation: string, orderId: string, order: Order): Promise<void> {
  const answer = await fetch(`${provider}/${operation}`, {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": `${orderId}:${operation}` },
    body: JSON.stringify({ orderId, ...order }),
  });
  if (!answer.ok) throw new Error(`${operation} answered ${answer.status}`);
  await answer.json();
}
