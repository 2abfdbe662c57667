import { z } from 'zod';
import { WEBHOOK_EFFECTS, WEBHOOK_EVENT_ORIGINS, WEBHOOK_EVENT_STATES } from '../../contracts/inbox.ts';
import type { VenueEvent } from '../../db/webhooks/venue-event-store.ts';
import { instant, paging, timestamp } from './common.ts';

const word = z.string().min(1).max(255);

export const eventState = z.enum(WEBHOOK_EVENT_STATES).meta({
  id: 'EventState',
  description:
    '`waiting` and `retrying` events are handled by themselves; `waiting-for-adapter`, `ignored` and `dead` ones when they are replayed. `ignored`: its type changes no record, or no connection has pulled what it is about.',
});

const eventOrigin = z.enum(WEBHOOK_EVENT_ORIGINS).meta({
  id: 'EventOrigin',
  description:
    '`delivery`: sent by the provider. `feed`: never arrived, and was read from the provider’s list of its events.',
});

const filter = {
  provider: word.optional().meta({ description: 'Id of a provider.' }),
  type: word.optional().meta({ description: 'The provider’s name for the type of event.' }),
  state: eventState.optional(),
  origin: eventOrigin.optional(),
  receivedFrom: instant.optional().meta({ description: 'Inclusive.' }),
  receivedTo: instant.optional().meta({ description: 'Exclusive.' }),
};

export const eventListQuery = z.strictObject({ ...filter, ...paging });

export const eventReplayBody = z.strictObject(filter).meta({ id: 'EventFilter' });

export const eventReplayAnswer = z
  .object({
    replayed: z.int().meta({ description: 'How many events are handled again.' }),
    next: timestamp.nullable().meta({
      description: 'Where more events match than one request takes: the `receivedFrom` of the next request.',
    }),
  })
  .meta({ id: 'EventsReplayed' });

export const eventAnswer = z
  .object({
    id: z.uuid(),
    provider: z.string(),
    type: z.string().meta({ description: 'The provider’s name for the type of event.' }),
    state: eventState,
    receivedAt: timestamp,
    origin: eventOrigin,
    attempts: z.int().meta({ description: 'How often it was handled since it was received or replayed.' }),
    errorCode: z.string().nullable().meta({ description: 'Why the last attempt failed; null when it did not.' }),
    effects: z
      .array(
        z
          .object({
            kind: z.enum(WEBHOOK_EFFECTS).meta({
              description:
                '`access-check`: whether the provider still accepts the connection’s grant is being checked. The others tell what became of a record.',
            }),
            connectionId: z.uuid(),
            resource: z.string().nullable().meta({ description: 'Null for a check of the access.' }),
            recordId: z.uuid().nullable().meta({ description: 'Null where the event led to no record.' }),
            reason: z.string().nullable().meta({
              description:
                'With `skipped`: why the record stays as it is. docs/operations/webhooks.md lists the reasons.',
            }),
            at: timestamp,
          })
          .meta({ id: 'EventEffect' }),
      )
      .meta({ description: 'What the event did for this venue.' }),
  })
  .meta({ id: 'Event' });

export function presentEvent(event: VenueEvent): z.input<typeof eventAnswer> {
  const { id, provider, type, state, receivedAt, origin, attempts, errorCode, effects } = event;
  return {
    ...{ id, provider, type, state, origin, attempts, errorCode },
    receivedAt: receivedAt.toISOString(),
    effects: effects.map(({ at, ...effect }) => ({ ...effect, at: at.toISOString() })),
  };
}
