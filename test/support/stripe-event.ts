import { signatureHeader } from '../../sandbox/stripe/events/webhook-sender.ts';

/** An event as the stand-in Stripe lists it. */
export interface StripeEvent {
  readonly id: string;
  readonly type: string;
  readonly created: number;
  readonly api_version: string;
  readonly data: { readonly object: { readonly id: string; readonly [field: string]: unknown } };
}

/** Delivers an event of a connected account once, signed now, and returns the status that it was answered with. */
export async function sendStripeEvent(
  { url, secret }: { readonly url: string; readonly secret: string },
  account: string,
  event: object,
): Promise<number> {
  const body = JSON.stringify({ ...event, account });
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'stripe-signature': signatureHeader(body, secret, Math.floor(Date.now() / 1_000)),
    },
    body,
    signal: AbortSignal.timeout(50_000),
  });
  await response.arrayBuffer();
  return response.status;
}
