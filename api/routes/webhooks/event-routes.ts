import { MAX_REPLAYED } from '../../../db/webhooks/venue-event-store.ts';
import type { VenueEventStore } from '../../../db/webhooks/venue-event-store.ts';
import type { AuditTrail } from '../../admin/audit-trail.ts';
import { ApiError } from '../../errors/api-error.ts';
import { notFound } from '../../errors/not-found.ts';
import { readCursor, toPageAnswer } from '../../http/cursor.ts';
import { endpoint } from '../../http/endpoint.ts';
import type { Endpoint } from '../../http/endpoint.ts';
import { pageOf } from '../../schemas/common.ts';
import { eventAnswer, eventListQuery, eventReplayAnswer, eventReplayBody, presentEvent } from '../../schemas/event.ts';
import type { WakeInbox } from '../../webhooks/inbox-waker.ts';

export interface EventRouteDeps {
  readonly events: VenueEventStore;
  readonly audit: AuditTrail;
  readonly wakeInbox: WakeInbox;
}

const COLLECTION = '/v1/venues/{venueId}/events';
const ITEM = `${COLLECTION}/{eventId}` as const;

/** Events that providers have sent about accounts which the venue has connected. */
export function eventRoutes(deps: EventRouteDeps): Endpoint[] {
  return [listRoute(deps), replayManyRoute(deps), getRoute(deps), replayRoute(deps)];
}

function listRoute({ events }: EventRouteDeps): Endpoint {
  return endpoint({
    name: 'listEvents',
    summary: 'List what providers have sent about the venue’s accounts, newest first',
    description:
      'Events of the accounts that the venue’s connections are connected to, received since the connection was made. Never with what they hold.',
    tag: 'Events',
    method: 'get',
    path: COLLECTION,
    role: 'viewer',
    query: eventListQuery,
    answers: { 200: { description: 'A page of events.', schema: pageOf('Event', eventAnswer) } },
    problems: ['invalid-cursor'],
    async handle({ ids: { venueId }, query: { limit, cursor, ...filter }, path }) {
      const list = { path, filters: filter, order: 'id' } as const;
      const page = await events.list(venueId, { filter, page: { limit, after: readCursor(cursor, list) } });
      return toPageAnswer(page, list, presentEvent);
    },
  });
}

function getRoute({ events }: EventRouteDeps): Endpoint {
  return endpoint({
    name: 'getEvent',
    summary: 'Read an event that a provider has sent',
    tag: 'Events',
    method: 'get',
    path: ITEM,
    role: 'viewer',
    answers: { 200: { description: 'The event.', schema: eventAnswer } },
    async handle({ ids: { venueId, eventId } }) {
      const event = await events.find(venueId, eventId);
      if (!event) throw notFound('event-not-found');
      return { status: 200, body: presentEvent(event) };
    },
  });
}

function replayRoute({ events, audit, wakeInbox }: EventRouteDeps): Endpoint {
  return endpoint({
    name: 'replayEvent',
    summary: 'Have an event handled again',
    description:
      'The event is `waiting` again, whatever its state was, and is handled as if it had just been received. Where several venues have connected its account, it is handled for all of them.',
    tag: 'Events',
    method: 'post',
    path: `${ITEM}/replay`,
    role: 'operator',
    effort: 'start',
    idempotent: true,
    answers: { 202: { description: 'It is handled again.', schema: eventAnswer } },
    problems: ['event-expired'],
    async handle({ ids: { venueId, eventId }, caller, requestId }) {
      const entry = audit.entry({ caller, requestId }, venueId, {
        action: 'event.replayed',
        targetType: 'event',
        targetId: eventId,
      });
      const event = await events.replay(venueId, eventId, entry);
      if (!event) throw notFound('event-not-found');
      if (event === 'expired') throw new ApiError('event-expired', 'What the event told is no longer kept.');
      wakeInbox([event.partition]);
      return { status: 202, body: presentEvent(event) };
    },
  });
}

function replayManyRoute({ events, audit, wakeInbox }: EventRouteDeps): Endpoint {
  return endpoint({
    name: 'replayEvents',
    summary: 'Have many events handled again',
    description: `The events that the filter names are \`waiting\` again, those received first, and are handled as if they had just been received, without those whose body has expired. One request takes up to ${MAX_REPLAYED}.`,
    tag: 'Events',
    method: 'post',
    path: `${COLLECTION}/replay`,
    role: 'operator',
    effort: 'start',
    idempotent: true,
    body: eventReplayBody,
    answers: { 202: { description: 'They are handled again.', schema: eventReplayAnswer } },
    async handle({ ids: { venueId }, body: filter, caller, requestId }) {
      const { provider, type, state } = filter;
      const { replayed, next, partitions } = await events.replayMany(venueId, filter, (result) =>
        audit.entry({ caller, requestId }, venueId, {
          action: 'events.replayed',
          targetType: 'venue',
          targetId: venueId,
          details: {
            replayed: result.replayed,
            ...(provider !== undefined && { provider }),
            ...(type !== undefined && { type }),
            ...(state !== undefined && { state }),
          },
        }),
      );
      wakeInbox(partitions);
      return { status: 202, body: { replayed, next: next && next.toISOString() } };
    },
  });
}
