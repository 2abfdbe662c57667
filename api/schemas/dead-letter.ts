import { z } from 'zod';
import { DEAD_LETTER_STATES } from '../../contracts/dead-letters.ts';
import type { ConnectionId } from '../../contracts/ids.ts';
import type { DeadLetter, DeadLetterGroups } from '../../db/dead-letters/dead-letter-store.ts';
import { deadLetterAdvice, isEditable } from '../../domain/dead-letters/dead-letter-advice.ts';
import { instant, orNull, paging, timestamp, uuid } from './common.ts';
import { deadLetterSource as source, direction, resource, resourceOf } from './words.ts';

const state = z.enum(DEAD_LETTER_STATES).meta({
  id: 'DeadLetterState',
  description:
    '`open` waits for somebody, `retrying` for a retry to end. `resolved`: it succeeded later, or there is nothing left to do. `discarded`: somebody gave it up.',
});
const word = z.string().min(1).max(255);

/** By which entries are chosen, in a query and in a body. */
const chosenBy = (resources: readonly string[]) => ({
  source: source.optional(),
  provider: word.optional().meta({ description: 'Id of a provider.' }),
  connectionId: uuid.transform((id) => id as ConnectionId).optional(),
  resource: resourceOf(resources).optional(),
  cause: word.optional().meta({ description: 'Code of the last failure.' }),
  failedFrom: instant.optional().meta({ description: 'Of the last failure. Inclusive.' }),
  failedTo: instant.optional().meta({ description: 'Of the last failure. Exclusive.' }),
});

export const deadLetterListQuery = (resources: readonly string[]) =>
  z.strictObject({ ...chosenBy(resources), state: state.optional(), ...paging });
export const deadLetterGroupQuery = (resources: readonly string[]) => z.strictObject(chosenBy(resources));
export const retryDeadLettersBody = (resources: readonly string[]) =>
  z.strictObject(chosenBy(resources)).meta({ id: 'RetryDeadLetters' });

export const discardDeadLetterBody = z
  .strictObject({
    reason: z
      .string()
      .trim()
      .min(1)
      .max(500)
      .meta({ description: 'Why nothing will be done about it. Do not name customers here.' }),
  })
  .meta({ id: 'DiscardDeadLetter' });

export const editDeadLetterBody = z
  .strictObject({
    fields: z
      .record(z.string(), z.unknown())
      .meta({ description: 'The fields of the record to change, as in `PATCH` of the record.' }),
  })
  .meta({ id: 'EditDeadLetter' });

export const deadLetterAnswer = z
  .object({
    id: z.uuid(),
    source,
    state,
    cause: z.string().meta({ description: 'Code of the last failure; entries are grouped by it.' }),
    message: z.string(),
    provider: z.string().nullable(),
    connectionId: z.uuid().nullable(),
    resource: orNull(resource),
    direction: orNull(direction),
    recordId: z.uuid().nullable(),
    externalId: z.string().nullable().meta({ description: 'The provider’s id of the object.' }),
    eventId: z.uuid().nullable(),
    deliveryId: z.string().nullable().meta({
      description: 'Of an outgoing webhook: the ids of its subscription and its message, with a slash between.',
    }),
    editable: z.boolean().meta({
      description:
        'Whether `PATCH` can change what failed: only a record of the venue whose entry is not resolved. An object of a pull is the provider’s, and a retry reads it again.',
    }),
    nextAction: z.string().meta({ description: 'What a person can do about it.' }),
    attempts: z.int().meta({ description: 'How often it has failed since it was last resolved.' }),
    firstFailedAt: timestamp,
    lastFailedAt: timestamp,
    retriedAt: timestamp.nullable().meta({ description: 'When the last retry was asked for.' }),
    settledAt: timestamp.nullable(),
    discarded: orNull(z.object({ by: z.string(), reason: z.string() }).meta({ id: 'DeadLetterDiscard' })),
    history: z
      .array(
        z.object({ at: timestamp, cause: z.string(), syncId: z.uuid().nullable() }).meta({ id: 'DeadLetterFailure' }),
      )
      .meta({ description: 'The latest failures, at most 20, oldest first.' }),
  })
  .meta({ id: 'DeadLetter' });

export const deadLetterGroupsAnswer = z
  .object({
    depth: z.int().meta({ description: 'Entries that are open or retried, in all groups.' }),
    oldestAt: timestamp.nullable().meta({ description: 'When the oldest of them failed first.' }),
    data: z
      .array(
        z
          .object({
            source,
            cause: z.string(),
            provider: z.string().nullable(),
            resource: orNull(resource),
            count: z.int(),
            oldestAt: timestamp,
            newestAt: timestamp,
          })
          .meta({ id: 'DeadLetterGroup' }),
      )
      .meta({ description: 'The largest groups, at most 200.' }),
  })
  .meta({ id: 'DeadLetterGroups' });

export const deadLetterPayloadAnswer = z
  .object({
    heldBy: z.enum(['venue', 'provider', 'nobody']).meta({
      id: 'DeadLetterPayloadHolder',
      description:
        '`venue`: the payload is here. `provider`: only the provider has it, under `externalId`. `nobody`: it was deleted or has expired.',
    }),
    record: z
      .record(z.string(), z.unknown())
      .nullable()
      .meta({ description: 'The venue’s record as it is now, when a push could not write it.' }),
    body: z.string().nullable().meta({ description: 'The event as the provider sent it.' }),
  })
  .meta({ id: 'DeadLetterPayload' });

export const retriedAnswer = z
  .object({ retrying: z.int().meta({ description: 'How many entries are retried now, at most 10,000.' }) })
  .meta({ id: 'DeadLettersRetried' });

export function presentDeadLetter(letter: DeadLetter): z.input<typeof deadLetterAnswer> {
  const { id, source: from, state: stands, code, message, provider, connectionId, sourceKey } = letter;
  return {
    ...{ id, source: from, state: stands, cause: code, message, provider, connectionId },
    ...{ resource: letter.resource, direction: letter.direction, recordId: letter.recordId },
    externalId: letter.externalId,
    eventId: from === 'event' ? sourceKey : null,
    deliveryId: from === 'delivery' ? sourceKey : null,
    editable: isEditable(letter),
    nextAction: deadLetterAdvice(letter),
    attempts: letter.attempts,
    firstFailedAt: letter.firstFailedAt.toISOString(),
    lastFailedAt: letter.lastFailedAt.toISOString(),
    retriedAt: letter.retriedAt?.toISOString() ?? null,
    settledAt: letter.closedAt?.toISOString() ?? null,
    discarded: stands === 'discarded' ? { by: letter.discardedBy ?? '', reason: letter.discardReason ?? '' } : null,
    history: letter.history.map(({ at, code: cause, syncId = null }) => ({
      ...{ at: new Date(at).toISOString(), cause, syncId },
    })),
  };
}

export const presentGroups = ({
  groups,
  depth,
  oldestAt,
}: DeadLetterGroups): z.input<typeof deadLetterGroupsAnswer> => ({
  depth,
  oldestAt: oldestAt?.toISOString() ?? null,
  data: groups.map((group) => ({
    ...group,
    oldestAt: group.oldestAt.toISOString(),
    newestAt: group.newestAt.toISOString(),
  })),
});
