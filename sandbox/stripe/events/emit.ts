import type { AccountState } from '../state/account-state.ts';
import { ControlError } from '../../core/control-api.ts';
import type { Delivery } from '../../core/delivery.ts';
import type { EmitBody } from '../control/control-schemas.ts';
import { API_VERSION, anEvent, renderConnectEvent, renderEvent } from './event.ts';
import type { EventRow } from './event.ts';
import { lookupIn } from '../http/expansion.ts';
import { KINDS } from '../http/objects.ts';
import { inVersion } from './old-versions.ts';
import type { StripeState } from '../state/state.ts';
import { deliver } from './webhook-sender.ts';

/**
 * Sends a signed webhook `times` times in sequence. A new event also joins the account's event list, as it would at
 * Stripe.
 */
export async function emit(
  state: StripeState,
  account: AccountState,
  request: EmitBody,
): Promise<{ event: unknown; deliveries: Delivery[] }> {
  const event = eventToSend(state, account, request);
  const eventJson = request.connect ? renderConnectEvent(event, account.profile.id) : renderEvent(event);
  const deliveries: Delivery[] = [];
  for (let sent = 0; sent < request.times; sent++) {
    deliveries.push(
      await deliver({
        url: request.url,
        eventJson,
        secret: request.secret ?? (request.connect ? (state.accounts[0] ?? account) : account).profile.webhookSecret,
        signature: request.signature,
        timestampOffsetSeconds: request.timestampOffsetSeconds,
      }),
    );
  }
  return { event: JSON.parse(eventJson) as unknown, deliveries };
}

function eventToSend(state: StripeState, account: AccountState, request: EmitBody): EventRow {
  if (request.eventId !== undefined) {
    const event = account.events.get(request.eventId);
    if (!event) throw new ControlError(404, 'event-not-found', { message: `There is no event ${request.eventId}.` });
    return event;
  }
  const event = anEvent({
    type: request.type ?? '',
    apiVersion: account.profile.apiVersion ?? API_VERSION,
    objectJson: objectJson(account, request, state.clock.nowSeconds()),
    previous: request.previousAttributes ?? null,
    created: state.clock.nowSeconds(),
    order: account.nextOrder,
    requestId: null,
    idempotencyKey: null,
  });
  state.commit([{ op: 'event', account: account.profile.id, event }]);
  return event;
}

function objectJson(account: AccountState, { customerId, objectId, object }: EmitBody, nowSeconds: number): string {
  const id = customerId ?? objectId;
  if (id === undefined) return JSON.stringify(object);
  for (const kind of KINDS) {
    const table = account.table(kind);
    const row = table.rows.get(id);
    if (row)
      return JSON.stringify(
        inVersion(
          account.profile.apiVersion ?? API_VERSION,
          JSON.parse(table.json(row, nowSeconds)) as object,
          lookupIn(account, nowSeconds),
        ),
      );
  }
  throw new ControlError(404, 'object-not-found', { message: `There is no object ${id}.` });
}
