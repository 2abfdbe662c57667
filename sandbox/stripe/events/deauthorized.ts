import { anEvent, renderConnectEvent } from './event.ts';
import type { RevocationWriter } from '../../oauth/revocation-webhooks.ts';
import { deliver } from './webhook-sender.ts';

const DEAUTHORIZED = 'account.application.deauthorized';

/**
 * Sends to the platform's endpoint for events on connected accounts, signed with `secret`:
 * https://docs.stripe.com/connect/webhooks (2026-11).
 */
export function deauthorizationWriter(secret: string, applicationName: string): RevocationWriter {
  return ({ account, app, endedAtMs }) => {
    const event = anEvent({
      type: DEAUTHORIZED,
      objectJson: JSON.stringify({ id: app, object: 'application', name: applicationName }),
      previous: null,
      created: Math.floor(endedAtMs / 1_000),
      order: 0,
      requestId: null,
      idempotencyKey: null,
    });
    const eventJson = renderConnectEvent(event, account);
    return {
      type: DEAUTHORIZED,
      deliver: (url) => deliver({ url, eventJson, secret, signature: 'valid', timestampOffsetSeconds: 0 }),
    };
  };
}
