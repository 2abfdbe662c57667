import { createHmac, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { parseInput } from '../core/control-api.ts';
import type { ControlRoutes } from '../core/control-api.ts';
import { post } from '../core/delivery.ts';
import type { Delivery } from '../core/delivery.ts';
import type { Attempt, Webhook } from '../core/webhook-queue.ts';
import { derivedId } from '../core/ids.ts';
import type { EndedGrant, RevocationWriter } from '../oauth/revocation-webhooks.ts';
import type { App } from '../oauth/ledger-rows.ts';
import type { SquareEvent } from './change-events.ts';

const REVOKED = 'oauth.authorization.revoked';

/** The key of the application's only webhook subscription. */
export function signatureKeyOf({ secret }: Pick<App, 'secret'>): string {
  return derivedId('', 22, `webhook signature key ${secret}`);
}

/** https://developer.squareup.com/reference/square/webhooks/oauth.authorization.revoked (2026-11). */
function revokedEvent({
  account,
  endedBy,
  endedAtMs,
}: Pick<EndedGrant, 'account' | 'endedBy' | 'endedAtMs'>): SquareEvent {
  return {
    merchant_id: account,
    type: REVOKED,
    event_id: randomUUID(),
    created_at: new Date(endedAtMs).toISOString(),
    data: {
      type: 'revocation',
      id: randomUUID(),
      object: {
        revocation: {
          revoked_at: new Date(endedAtMs).toISOString(),
          revoker_type: endedBy === 'app' ? 'APPLICATION' : 'MERCHANT',
        },
      },
    },
  };
}

/** https://developer.squareup.com/docs/webhooks/step3validate (2026-11). */
function deliver(
  url: string,
  {
    payload,
    signature,
    attempt,
  }: { readonly payload: string; readonly signature: string | null; readonly attempt?: Attempt },
): Promise<Delivery> {
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'Square Connect v2',
    'square-environment': 'Sandbox',
    ...(signature !== null && { 'x-square-hmacsha256-signature': signature }),
    ...(attempt && retryHeaders(attempt)),
  };
  return post(url, { payload, headers });
}

/** https://developer.squareup.com/docs/webhooks/troubleshooting (2026-11). Absent from the first delivery. */
const retryHeaders = ({ number, firstAtMs, failed }: Attempt): Readonly<Record<string, string>> =>
  failed === null
    ? {}
    : {
        'square-retry-number': String(number - 1),
        'square-retry-reason': failed.status === null ? 'other_error' : 'http_error',
        'square-initial-delivery-timestamp': new Date(firstAtMs).toISOString(),
      };

const sign = (key: string, url: string, payload: string) =>
  createHmac('sha256', key)
    .update(url + payload)
    .digest('base64');

/** The webhook of an event, signed by the application's key over the URL that it is sent to. */
export function webhookOf(app: App, event: SquareEvent): Webhook {
  const payload = JSON.stringify(event);
  return {
    type: event.type,
    account: event.merchant_id,
    deliver: (url, attempt) => deliver(url, { payload, signature: sign(signatureKeyOf(app), url, payload), attempt }),
  };
}

export function revocationWriter(app: App): RevocationWriter {
  return (ended) => webhookOf(app, revokedEvent(ended));
}

const emitBody = z
  .strictObject({
    url: z.url({ protocol: /^https?$/ }),
    /** Emit a new revocation of this merchant, or any given event. */
    account: z.string().optional(),
    event: z.record(z.string(), z.unknown()).optional(),
    times: z.int().min(1).max(1_000).default(1),
    signature: z.enum(['valid', 'wrong', 'absent']).default('valid'),
  })
  .refine(({ account, event }) => (account === undefined) !== (event === undefined), 'give either account or event');

/** `POST /emit`: sends a signed webhook `times` times in sequence. */
export function emitRoute(app: App): ControlRoutes {
  return {
    'POST /emit': async ({ body }) => {
      const { url, account, event: given, times, signature } = parseInput(emitBody, body);
      const event = given ?? revokedEvent({ account: account ?? '', endedBy: 'owner', endedAtMs: Date.now() });
      const payload = JSON.stringify(event);
      const key = signature === 'wrong' ? `${signatureKeyOf(app)}_other` : signatureKeyOf(app);
      const deliveries: Delivery[] = [];
      for (let sent = 0; sent < times; sent++)
        deliveries.push(
          await deliver(url, { payload, signature: signature === 'absent' ? null : sign(key, url, payload) }),
        );
      return { json: { event, deliveries } };
    },
  };
}
