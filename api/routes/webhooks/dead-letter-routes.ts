import type { z } from 'zod';
import type { DeadLetter, DeadLetterStore } from '../../../db/dead-letters/dead-letter-store.ts';
import type { RecordStores } from '../../../db/records/record-store.ts';
import type { RecordKinds } from '../../../records/registry.ts';
import type { AuditTrail } from '../../admin/audit-trail.ts';
import { notFound } from '../../errors/not-found.ts';
import { readCursor, toPageAnswer } from '../../http/cursor.ts';
import { endpoint } from '../../http/endpoint.ts';
import type { Endpoint } from '../../http/endpoint.ts';
import { pageOf } from '../../schemas/common.ts';
import {
  deadLetterAnswer,
  deadLetterGroupQuery,
  deadLetterGroupsAnswer,
  deadLetterListQuery,
  deadLetterPayloadAnswer,
  presentDeadLetter,
  presentGroups,
} from '../../schemas/dead-letter.ts';

export interface DeadLetterRouteDeps {
  readonly deadLetters: DeadLetterStore;
  readonly records: RecordStores;
  readonly kinds: RecordKinds;
  readonly audit: AuditTrail;
}

export const DEAD_LETTERS = '/v1/venues/{venueId}/dead-letters';
export const DEAD_LETTER = `${DEAD_LETTERS}/{deadLetterId}` as const;

export const deadLetterListRoutes = (deps: DeadLetterRouteDeps): Endpoint[] => [listRoute(deps), groupsRoute(deps)];

export const deadLetterReadRoutes = (deps: DeadLetterRouteDeps): Endpoint[] => [getRoute(deps), payloadRoute(deps)];

function listRoute({ deadLetters, kinds }: DeadLetterRouteDeps): Endpoint {
  return endpoint({
    name: 'listDeadLetters',
    summary: 'List what failed for good, newest first',
    description:
      'Records that a sync rejected, events of providers that could not be applied, and outgoing webhooks that were given up. Something that fails again and again is one entry. Never with what it holds.',
    tag: 'Dead letters',
    method: 'get',
    path: DEAD_LETTERS,
    role: 'viewer',
    query: deadLetterListQuery(kinds.names),
    answers: { 200: { description: 'A page of dead letters.', schema: pageOf('DeadLetter', deadLetterAnswer) } },
    problems: ['invalid-cursor'],
    async handle({ ids: { venueId }, query: { limit, cursor, ...filter }, path }) {
      const list = { path, filters: filter, order: 'id' } as const;
      const page = await deadLetters.list(venueId, { filter, page: { limit, after: readCursor(cursor, list) } });
      return toPageAnswer(page, list, presentDeadLetter);
    },
  });
}

function groupsRoute({ deadLetters, kinds }: DeadLetterRouteDeps): Endpoint {
  return endpoint({
    name: 'listDeadLetterGroups',
    summary: 'Count what failed for good, by cause',
    description: 'Entries that are open or retried, by source, cause, provider and resource; the largest groups first.',
    tag: 'Dead letters',
    method: 'get',
    path: `${DEAD_LETTERS}/groups`,
    role: 'viewer',
    query: deadLetterGroupQuery(kinds.names),
    answers: { 200: { description: 'The groups.', schema: deadLetterGroupsAnswer } },
    async handle({ ids: { venueId }, query }) {
      return { status: 200, body: presentGroups(await deadLetters.groups(venueId, query)) };
    },
  });
}

function getRoute({ deadLetters }: DeadLetterRouteDeps): Endpoint {
  return endpoint({
    name: 'getDeadLetter',
    summary: 'Read a dead letter with its latest failures',
    tag: 'Dead letters',
    method: 'get',
    path: DEAD_LETTER,
    role: 'viewer',
    answers: { 200: { description: 'The dead letter.', schema: deadLetterAnswer } },
    async handle({ ids: { venueId, deadLetterId } }) {
      const letter = await deadLetters.find(venueId, deadLetterId);
      if (!letter) throw notFound('dead-letter-not-found');
      return { status: 200, body: presentDeadLetter(letter) };
    },
  });
}

function payloadRoute(deps: DeadLetterRouteDeps): Endpoint {
  return endpoint({
    name: 'getDeadLetterPayload',
    summary: 'Read what failed',
    description:
      'The venue’s record, or the body of the event, which may hold personal data: the audit log notes who has read it.',
    tag: 'Dead letters',
    method: 'get',
    path: `${DEAD_LETTER}/payload`,
    role: 'operator',
    answers: { 200: { description: 'What failed.', schema: deadLetterPayloadAnswer } },
    async handle({ ids: { venueId, deadLetterId }, caller, requestId }) {
      const letter = await deps.deadLetters.find(venueId, deadLetterId);
      if (!letter) throw notFound('dead-letter-not-found');
      const payload = await readPayload(deps, letter);
      await deps.audit.note({ caller, requestId }, venueId, {
        action: 'dead-letter.payload-read',
        targetType: 'dead-letter',
        targetId: deadLetterId,
      });
      return { status: 200, body: payload };
    },
  });
}

type Payload = z.input<typeof deadLetterPayloadAnswer>;
const NO_PAYLOAD = { heldBy: 'nobody', record: null, body: null } as const satisfies Payload;

async function readPayload(deps: DeadLetterRouteDeps, letter: DeadLetter): Promise<Payload> {
  switch (letter.source) {
    case 'event': {
      const body = await deps.deadLetters.eventBody(letter.venueId, letter);
      return body ? { heldBy: 'venue', record: null, body: Buffer.from(body).toString('utf8') } : NO_PAYLOAD;
    }
    case 'record':
      return letter.recordId === null ? { ...NO_PAYLOAD, heldBy: 'provider' } : readRecord(deps, letter);
    case 'delivery':
      return NO_PAYLOAD;
  }
}

async function readRecord(
  { records, kinds }: DeadLetterRouteDeps,
  { venueId, resource, recordId }: DeadLetter,
): Promise<Payload> {
  if (resource === null || recordId === null || !kinds.has(resource)) return NO_PAYLOAD;
  const record = await records.of(kinds.get(resource)).find(venueId, recordId);
  return record ? { heldBy: 'venue', record: { ...record }, body: null } : NO_PAYLOAD;
}
