import { createHmac } from 'node:crypto';

const DELIVERY_TIMEOUT_MS = 20_000;

export interface Webhook {
  readonly url: string;
  /** The event in compact JSON. It is sent indented, as Stripe does. */
  readonly eventJson: string;
  readonly secret: string;
  /** `wrong` signs with another secret, `absent` sends no signature. */
  readonly signature: 'valid' | 'wrong' | 'absent';
  /** Moves the signed time: -600 makes a delivery that is ten minutes old. */
  readonly timestampOffsetSeconds: number;
}

export interface Delivery {
  /** Null when no answer came. */
  readonly status: number | null;
  readonly body: string;
  readonly durationMs: number;
}

/** `Stripe-Signature` over the raw body: https://docs.stripe.com/webhooks#verify-manually (2026-11). `timestamp` is in seconds. */
export function signatureHeader(payload: string, secret: string, timestamp: number): string {
  const signature = createHmac('sha256', secret).update(`${timestamp}.${payload}`).digest('hex');
  return `t=${timestamp},v1=${signature}`;
}

/** Posts the event once and reports what came back. A receiver that cannot be reached is a delivery without a status, not an error. */
export async function deliver(webhook: Webhook): Promise<Delivery> {
  const payload = JSON.stringify(JSON.parse(webhook.eventJson), null, 2);
  // By the machine's clock: receivers compare it with theirs, whatever time the sandbox pretends.
  const timestamp = Math.floor(Date.now() / 1_000) + webhook.timestampOffsetSeconds;
  const secret = webhook.signature === 'wrong' ? `${webhook.secret}_other` : webhook.secret;
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    'user-agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
    ...(webhook.signature !== 'absent' && { 'stripe-signature': signatureHeader(payload, secret, timestamp) }),
  };
  const startedAtMs = performance.now();
  const durationMs = () => Math.round(performance.now() - startedAtMs);
  try {
    const signal = AbortSignal.timeout(DELIVERY_TIMEOUT_MS);
    const response = await fetch(webhook.url, { method: 'POST', body: payload, headers, redirect: 'manual', signal });
    return { status: response.status, body: (await response.text()).slice(0, 10_000), durationMs: durationMs() };
  } catch (error) {
    return { status: null, body: error instanceof Error ? error.message : 'unknown error', durationMs: durationMs() };
  }
}
