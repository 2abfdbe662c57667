import type { DeadLetterId, RecordId, VenueId } from '../../../contracts/ids.ts';
import type { DeadLetter, Unchanged } from '../../../db/dead-letters/dead-letter-store.ts';
import type { StoredRecord } from '../../../db/records/record-store.ts';
import type { FieldProblem } from '../../../db/records/record-writing.ts';
import type { RecordKind } from '../../../records/record-kind.ts';
import type { Actor } from '../../admin/audit-trail.ts';
import type { StartRetries } from '../../dead-letters/retry-starter.ts';
import { deadLetterAdvice } from '../../../domain/dead-letters/dead-letter-advice.ts';
import { ApiError } from '../../errors/api-error.ts';
import type { FieldError } from '../../errors/api-error.ts';
import { notFound } from '../../errors/not-found.ts';
import { endpoint } from '../../http/endpoint.ts';
import type { Endpoint } from '../../http/endpoint.ts';
import { invalidRequest } from '../../http/parse.ts';
import { checkRecordChanges } from '../../records/unchanged-fields.ts';
import { connectionNotActive } from '../../syncs/start-sync.ts';
import {
  deadLetterAnswer,
  discardDeadLetterBody,
  editDeadLetterBody,
  presentDeadLetter,
  retriedAnswer,
  retryDeadLettersBody,
} from '../../schemas/dead-letter.ts';
import { schemasOf } from '../../schemas/records/record-schemas.ts';
import { DEAD_LETTER, DEAD_LETTERS, deadLetterListRoutes, deadLetterReadRoutes } from './dead-letter-routes.ts';
import type { DeadLetterRouteDeps } from './dead-letter-routes.ts';

export interface DeadLetterActionDeps extends DeadLetterRouteDeps {
  readonly startRetries: StartRetries;
}

/** The operations on the list come first, because the path of one entry would match theirs. */
export const deadLetterRoutes = (deps: DeadLetterActionDeps): Endpoint[] => [
  ...deadLetterListRoutes(deps),
  retryAllRoute(deps),
  ...deadLetterReadRoutes(deps),
  retryRoute(deps),
  discardRoute(deps),
  editRoute(deps),
];

function retryRoute({ deadLetters, audit, startRetries }: DeadLetterActionDeps): Endpoint {
  return endpoint({
    name: 'retryDeadLetter',
    summary: 'Retry what failed',
    description:
      'A record is read or written again by a run of its own, within the provider’s limits and after a run of the same sync that is under way; an event is handled again; an outgoing webhook is sent again as by `resendDelivery`. One that fails again stays the same entry. A discarded entry can be retried too.',
    tag: 'Dead letters',
    method: 'post',
    path: `${DEAD_LETTER}/retry`,
    role: 'operator',
    effort: 'start',
    idempotent: true,
    answers: { 202: { description: 'It is retried.', schema: deadLetterAnswer } },
    problems: ['dead-letter-settled', 'dead-letter-not-retryable', 'connection-not-active'],
    async handle({ ids: { venueId, deadLetterId }, caller, requestId }) {
      const audited = toEntry({ caller, requestId }, audit, 'dead-letter.retried');
      const letter = changed(await deadLetters.markRetry(venueId, deadLetterId, audited));
      // A delivery is on its way already.
      if (letter.source !== 'delivery') void startRetries(venueId);
      return { status: 202, body: presentDeadLetter(letter) };
    },
  });
}

function retryAllRoute({ deadLetters, kinds, audit, startRetries }: DeadLetterActionDeps): Endpoint {
  return endpoint({
    name: 'retryDeadLetters',
    summary: 'Retry everything open that fits a filter',
    description:
      'Without a filter, everything that is open, at most 10,000 entries. Each is retried as if it had been asked for alone; records of one sync share a run. What cannot be retried now stays open: records whose connection is not active, and outgoing webhooks whose subscription is disabled.',
    tag: 'Dead letters',
    method: 'post',
    path: `${DEAD_LETTERS}/retry`,
    role: 'operator',
    effort: 'start',
    idempotent: true,
    body: retryDeadLettersBody(kinds.names),
    answers: { 202: { description: 'They are retried.', schema: retriedAnswer } },
    async handle({ ids: { venueId }, body: filter, caller, requestId }) {
      const retrying = await deadLetters.markRetries(venueId, filter, (count) =>
        audit.entry({ caller, requestId }, venueId, {
          action: 'dead-letters.retried',
          targetType: 'venue',
          targetId: venueId,
          details: {
            count,
            ...{ source: filter.source ?? null, provider: filter.provider ?? null, cause: filter.cause ?? null },
            ...{ connection: filter.connectionId ?? null, resource: filter.resource ?? null },
          },
        }),
      );
      if (retrying > 0) void startRetries(venueId);
      return { status: 202, body: { retrying } };
    },
  });
}

function discardRoute({ deadLetters, audit }: DeadLetterActionDeps): Endpoint {
  return endpoint({
    name: 'discardDeadLetter',
    summary: 'Give up what failed',
    description:
      'It stays discarded while the same record fails for the same reason, and is open again when it fails for another or after a change. The audit log notes who has discarded it.',
    tag: 'Dead letters',
    method: 'post',
    path: `${DEAD_LETTER}/discard`,
    role: 'operator',
    idempotent: true,
    body: discardDeadLetterBody,
    answers: { 200: { description: 'It is discarded.', schema: deadLetterAnswer } },
    problems: ['dead-letter-settled'],
    async handle({ ids: { venueId, deadLetterId: id }, body: { reason }, caller, requestId }) {
      const decision = { by: caller.subject, reason };
      const audited = toEntry({ caller, requestId }, audit, 'dead-letter.discarded');
      return {
        status: 200,
        body: presentDeadLetter(changed(await deadLetters.discard({ venueId, id }, decision, audited))),
      };
    },
  });
}

function editRoute(deps: DeadLetterActionDeps): Endpoint {
  return endpoint({
    name: 'editDeadLetter',
    summary: 'Change the record that a push could not write',
    description:
      'Changes the venue’s record, under the rules of `PATCH` of the record. Retry the entry afterwards, or leave it to the next push. An object that a pull could not store is the provider’s: it is changed there, and a retry reads it again. `editable` tells them apart.',
    tag: 'Dead letters',
    method: 'patch',
    path: DEAD_LETTER,
    role: 'operator',
    body: editDeadLetterBody,
    async rules({ venueId, deadLetterId }, { fields }) {
      const letter = await deps.deadLetters.find(venueId, deadLetterId);
      return letter === null || letter.state === 'resolved' ? [] : wrongFields(deps, letter, fields);
    },
    answers: { 200: { description: 'The entry; its record is changed.', schema: deadLetterAnswer } },
    problems: ['dead-letter-settled', 'dead-letter-not-editable'],
    async handle({ ids: { venueId, deadLetterId }, body: { fields }, caller, requestId }) {
      const letter = await deps.deadLetters.find(venueId, deadLetterId);
      if (!letter) throw notFound('dead-letter-not-found');
      if (letter.state === 'resolved') throw settled();
      await editRecord(deps, letter, { fields, actor: { caller, requestId } });
      return { status: 200, body: presentDeadLetter(letter) };
    },
  });
}

/** The record that an entry is about, where it can be edited. */
function editable({ kinds }: DeadLetterActionDeps, { resource, recordId }: DeadLetter): EditableRecord | null {
  return resource === null || recordId === null || !kinds.has(resource)
    ? null
    : { kind: kinds.get(resource), recordId };
}

interface EditableRecord {
  readonly kind: RecordKind;
  readonly recordId: RecordId;
}

const checkChanges = (
  { records }: DeadLetterActionDeps,
  { kind, recordId, venueId }: EditableRecord & Pick<DeadLetter, 'venueId'>,
  fields: unknown,
): ReturnType<typeof checkRecordChanges> =>
  checkRecordChanges(schemasOf(kind).changes, fields, {
    ...{ store: records.of(kind), ref: { venueId, id: recordId }, fields: Object.keys(kind.fields) },
  });

async function wrongFields(
  deps: DeadLetterActionDeps,
  letter: DeadLetter,
  sent: unknown,
): Promise<readonly FieldError[]> {
  const record = editable(deps, letter);
  const { data: fields } = editDeadLetterBody.shape.fields.safeParse(sent);
  if (record === null || fields === undefined) return [];
  const parsed = await checkChanges(deps, { ...record, venueId: letter.venueId }, fields);
  return parsed.ok ? [] : parsed.errors.map(inFields);
}

/** Throws `invalid-request` with every wrong field; nothing is changed then. */
async function editRecord(
  deps: DeadLetterActionDeps,
  letter: DeadLetter,
  { fields, actor }: { readonly fields: Readonly<Record<string, unknown>>; readonly actor: Actor },
): Promise<void> {
  const { id, venueId, resource } = letter;
  const record = editable(deps, letter);
  if (record === null) throw notEditable(deadLetterAdvice(letter));
  const { kind, recordId } = record;
  const { records, audit } = deps;
  const store = records.of(kind);
  const parsed = await checkChanges(deps, { ...record, venueId }, fields);
  if (!parsed.ok) throw invalidRequest(parsed.errors.map(inFields));
  const result = await store.update({ venueId, id: recordId }, parsed.value, ({ id: record }: StoredRecord) =>
    audit.entry(actor, venueId, {
      action: 'dead-letter.edited',
      targetType: 'dead-letter',
      targetId: id,
      details: { resource, record, fields: Object.keys(fields).sort().join(' ') },
    }),
  );
  if (result === null) throw notEditable('The record is deleted: discard the entry.');
  if (Array.isArray(result)) throw invalidRequest((result as readonly FieldProblem[]).map(inFields));
}

const inFields = ({ path, message }: FieldProblem): FieldProblem => ({ path: `fields.${path}`, message });

const notEditable = (advice: string) =>
  new ApiError('dead-letter-not-editable', `Nothing can be edited here. ${advice}`);
const settled = () => new ApiError('dead-letter-settled', 'It is resolved or discarded already.');

function changed(outcome: DeadLetter | Unchanged | null): DeadLetter {
  if (outcome === null) throw notFound('dead-letter-not-found');
  if (outcome === 'settled') throw settled();
  if (outcome === 'unsendable')
    throw new ApiError(
      'dead-letter-not-retryable',
      'The delivery has expired or was accepted, or its subscription is not enabled: enable the subscription first.',
    );
  if (outcome === 'expired')
    throw new ApiError('dead-letter-not-retryable', 'What the event told is no longer kept: start a full pull.');
  if (outcome === 'unnamed')
    throw new ApiError('dead-letter-not-retryable', 'The provider’s object has no readable id.');
  if ('connection' in outcome) throw connectionNotActive(outcome.connection);
  return outcome;
}

/** The audit row of an action on one entry. */
const toEntry =
  (actor: Actor, audit: DeadLetterActionDeps['audit'], action: string) =>
  ({ id, venueId, source, code }: { id: DeadLetterId; venueId: VenueId; source: string; code: string }) =>
    audit.entry(actor, venueId, {
      ...{ action, targetType: 'dead-letter', targetId: id },
      details: { source, cause: code },
    });
