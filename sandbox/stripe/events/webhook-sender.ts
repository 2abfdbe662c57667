import { createHmac } from 'node:crypto';
import { post } from '../../core/delivery.ts';
import type { Delivery } from '../../core/delivery.ts';

export interface Webhook {
  readonly url: string;
  /** The event as compact JSON. It is sent indented, as Stripe does. */
  readonly eventJson: string;
  readonly secret: string;
  /** `wrong` signs with another secret; `absent` sends no signature. */
  readonly signature: 'valid' | 'wrong' | 'absent';
  /** Shifts the signed time: -600 makes the delivery ten minutes old. */
  readonly timestampOffsetSeconds: number;
}

/** `Stripe-Signature` over the raw body: https://docs.stripe.com/webhooks#verify-manually (2026-11). `timestamp` is in seconds. */
export function signatureHeader(payload: string, secret: string, timestamp: number): string {
  const signature = createHmac('sha256', secret).update(`${timestamp}.${payload}`).digest('hex');
  return `t=${timestamp},v1=${signature}`;
}

/** Posts the event once and reports the response. */
export function deliver(webhook: Webhook): Promise<Delivery> {
  const payload = JSON.stringify(JSON.parse(webhook.eventJson), null, 2);
  // Uses the machine's clock, because receivers compare it with their own and not with the sandbox's.
  const timestamp = Math.floor(Date.now() / 1_000) + webhook.timestampOffsetSeconds;
  const secret = webhook.signature === 'wrong' ? `${webhook.secret}_other` : webhook.secret;
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    'user-agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
    ...(webhook.signature !== 'absent' && { 'stripe-signature': signatureHeader(payload, secret, timestamp) }),
  };
  return post(webhook.url, { payload, headers });
}
