import type { VenueStore } from '../../db/core/venue-store.ts';
import { ApiError } from '../errors/api-error.ts';
import type { AuditTrail } from '../admin/audit-trail.ts';
import { readCursor, toPageAnswer } from '../http/cursor.ts';
import { endpoint } from '../http/endpoint.ts';
import type { Endpoint } from '../http/endpoint.ts';
import { notFound } from '../errors/not-found.ts';
import { pageOf, paging } from '../schemas/common.ts';
import { newVenueBody, presentVenue, venueAnswer, venueChangesBody } from '../schemas/venue.ts';
import type { VenueGateway } from '../temporal/venue-gateway.ts';
import { closingEntry } from '../../domain/venues/closing.ts';
import { z } from 'zod';

export interface VenueRouteDeps {
  readonly venues: VenueStore;
  readonly audit: AuditTrail;
  readonly venueGateway: VenueGateway;
}

const listQuery = z.strictObject(paging);

export function venueRoutes(deps: VenueRouteDeps): Endpoint[] {
  return [createVenue(deps), listVenues(deps), getVenue(deps), changeVenue(deps), closeVenue(deps)];
}

function createVenue({ venues, audit }: VenueRouteDeps): Endpoint {
  return endpoint({
    name: 'createVenue',
    summary: 'Create a venue',
    description: 'Needs a token for all venues: one that lists venues could not reach the new one.',
    tag: 'Venues',
    method: 'post',
    path: '/v1/venues',
    role: 'admin',
    allVenues: true,
    idempotent: true,
    body: newVenueBody,
    answers: { 201: { description: 'Created.', schema: venueAnswer, location: 'The venue.' } },
    problems: ['source-id-taken'],
    async handle({ body, caller, requestId, requestKey }) {
      const venue = await venues.create({ ...body, sourceId: body.sourceId ?? null }, requestKey, ({ id }) =>
        audit.entry({ caller, requestId }, id, { action: 'venue.created', targetType: 'venue', targetId: id }),
      );
      if (venue === 'source-id-taken') throw new ApiError('source-id-taken', 'Another venue has this sourceId.');
      return { status: 201, body: presentVenue(venue), headers: { Location: `/v1/venues/${venue.id}` } };
    },
  });
}

function listVenues({ venues }: VenueRouteDeps): Endpoint {
  return endpoint({
    name: 'listVenues',
    summary: 'List the venues that the token reaches',
    tag: 'Venues',
    method: 'get',
    path: '/v1/venues',
    role: 'viewer',
    query: listQuery,
    answers: { 200: { description: 'A page of venues.', schema: pageOf('Venue', venueAnswer) } },
    problems: ['invalid-cursor'],
    async handle({ query: { limit, cursor }, caller, path }) {
      const list = { path, filters: {}, order: 'id' } as const;
      const page = await venues.list(caller.venues, { limit, after: readCursor(cursor, list) });
      return toPageAnswer(page, list, presentVenue);
    },
  });
}

function getVenue({ venues }: VenueRouteDeps): Endpoint {
  return endpoint({
    name: 'getVenue',
    summary: 'Read a venue',
    tag: 'Venues',
    method: 'get',
    path: '/v1/venues/{venueId}',
    role: 'viewer',
    answers: { 200: { description: 'The venue.', schema: venueAnswer } },
    async handle({ ids: { venueId } }) {
      const venue = await venues.find([venueId], venueId);
      if (!venue) throw notFound('venue-not-found');
      return { status: 200, body: presentVenue(venue) };
    },
  });
}

function changeVenue({ venues, audit }: VenueRouteDeps): Endpoint {
  return endpoint({
    name: 'changeVenue',
    summary: 'Change a venue',
    tag: 'Venues',
    method: 'patch',
    path: '/v1/venues/{venueId}',
    role: 'admin',
    body: venueChangesBody,
    answers: { 200: { description: 'The venue as it is now.', schema: venueAnswer } },
    async handle({ ids: { venueId }, body, caller, requestId }) {
      const fields = Object.keys(body).join(', ');
      const entry = audit.entry({ caller, requestId }, venueId, {
        action: 'venue.updated',
        targetType: 'venue',
        targetId: venueId,
        details: { fields },
      });
      const venue = await venues.update(venueId, present(body), () => entry);
      if (!venue) throw notFound('venue-not-found');
      return { status: 200, body: presentVenue(venue) };
    },
  });
}

function closeVenue({ venues, venueGateway }: VenueRouteDeps): Endpoint {
  return endpoint({
    name: 'closeVenue',
    summary: 'Close a venue and erase what it has',
    description:
      'Disconnects every connection, stops schedules and runs, then erases records, credentials and history, the venue last; 404 from then on. Meanwhile it can be read, and `closingSince` says since when; changes answer 409 `venue-closing`. A closing cannot be taken back. Asking again is fine.',
    tag: 'Venues',
    method: 'delete',
    path: '/v1/venues/{venueId}',
    role: 'admin',
    whileClosing: true,
    answers: { 202: { description: 'It is being closed.', schema: venueAnswer, location: 'The venue.' } },
    problems: ['temporal-unavailable'],
    async handle({ ids: { venueId }, caller, requestId }) {
      if (!(await venues.find([venueId], venueId))) throw notFound('venue-not-found');
      const closing = { venueId, requestedBy: caller.subject, requestId };
      // First, so that a venue that says it is being closed has a workflow that does it.
      await venueGateway.startClosing(closing);
      const venue = await venues.beginClosing(venueId, closingEntry(venueId, closing));
      if (!venue) throw notFound('venue-not-found');
      return { status: 202, body: presentVenue(venue), headers: { Location: `/v1/venues/${venueId}` } };
    },
  });
}

/** Drops undefined fields, which a store would treat differently from absent ones. */
function present<Fields extends object>(fields: Fields): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Fields]?: Exclude<Fields[Name], undefined>;
  };
}
