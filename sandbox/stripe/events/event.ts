import type { TimelineItem } from '../../core/timeline.ts';
import { randomId } from '../../core/ids.ts';

/** The API version of the stand-in, which is the one that stripe 23.1.0 pins. */
export const API_VERSION = '2026-10-28.endive';

/** Stripe lists events of the last 30 days. */
export const EVENT_RETENTION_SECONDS = 30 * 24 * 60 * 60;

/** An event in memory and in the journal. Its object is a JSON snapshot. */
export interface EventRow extends TimelineItem {
  readonly type: string;
  /** The API version whose shape the object has. Absent for the current version. */
  readonly apiVersion?: string;
  readonly objectJson: string;
  readonly previous: Readonly<Record<string, unknown>> | null;
  readonly requestId: string | null;
  readonly idempotencyKey: string | null;
}

export function anEvent(about: Omit<EventRow, 'id'>): EventRow {
  return { id: randomId('evt_1', 23), ...about };
}

/** The event resource in JSON: https://docs.stripe.com/api/events/object. */
export function renderEvent(event: EventRow): string {
  const previous = event.previous === null ? '' : `,"previous_attributes":${JSON.stringify(event.previous)}`;
  const request = JSON.stringify({ id: event.requestId, idempotency_key: event.idempotencyKey });
  return (
    `{"id":"${event.id}","object":"event","api_version":${JSON.stringify(event.apiVersion ?? API_VERSION)},"created":${event.created},` +
    `"data":{"object":${event.objectJson}${previous}},"livemode":false,"pending_webhooks":0,` +
    `"request":${request},"type":${JSON.stringify(event.type)}}`
  );
}

/** The event in the form sent to the platform that the account is connected to. */
export function renderConnectEvent(event: EventRow, account: string): string {
  return JSON.stringify({ ...(JSON.parse(renderEvent(event)) as object), account });
}
