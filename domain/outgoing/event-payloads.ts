import { z } from 'zod';
import { PAUSED_BY, STALE_REASONS } from '../../contracts/outgoing-webhooks.ts';
import type { OutgoingEventType } from '../../contracts/outgoing-webhooks.ts';
import { WAITING_FOR } from '../../contracts/sync.ts';
import { CUSTOM_FIELD_CHANGES } from '../../contracts/unknown-fields.ts';
import { deadLetterSource, direction, provider, resource, syncMode, syncOutcome } from '../reference/shared-words.ts';

// `data` of every message to subscribers, as it is written and as the OpenAPI document shows it. Ids, words of ours, counts
// and paths: never personal data, a secret, or text that a provider or a venue wrote, but for the paths of custom fields.
// `z.object`, because fields may be added.

const instant = z.iso.datetime().meta({ example: '2026-11-21T10:15:00.000Z' });
const id = z.uuid();
const count = z.int().min(0);
const path = z.string().meta({ description: 'Where the API shows the rest.' });
const sync = { connectionId: id, provider, resource, direction };
const run = { syncId: id, ...sync, mode: syncMode, dryRun: z.boolean(), path };
const runCounts = z.object({
  ...{ read: count, created: count, updated: count, unchanged: count },
  ...{ archived: count, rejected: count, conflicts: count },
});
const connection = z.object({ connectionId: id, provider, path });

/** What a digest adds to what it collects. */
const digest = <Counts extends z.ZodRawShape>(counts: Counts) => ({
  counts: z.object(counts),
  since: instant.meta({ description: 'When the first of its events happened: `updatedSince` of what it tells of.' }),
});

const PAUSE_REASONS = [...WAITING_FOR, 'suspended', 'schedule-paused'] as const;

/** `data` of each type. */
export const EVENT_PAYLOADS = {
  'sync.finished': z
    .object({ ...run, outcome: syncOutcome, counts: runCounts })
    .meta({ description: 'A run has ended, also one that was cancelled or a dry run.' }),
  'sync.failed': z
    .object({ ...run, outcome: syncOutcome, counts: runCounts, errorCode: z.string().nullable() })
    .meta({ description: 'A run has failed.' }),
  'sync.paused': z
    .object({
      connectionId: id,
      ...z.object(run).omit({ connectionId: true, path: true }).partial().shape,
      by: z.enum(PAUSED_BY).meta({ id: 'PausedBy' }),
      reason: z.enum(PAUSE_REASONS).meta({ id: 'PauseReason' }),
      until: instant.nullable().meta({ description: 'When it goes on by itself; null: not before somebody acts.' }),
      path,
    })
    .meta({
      description:
        'A run waits for long, or a person has paused a schedule or suspended a connection. `by`: the `operator`, a `throttle` (limit or outage of the provider), or the `guard` that waits for an approval. Of a schedule without the fields of a run; of a connection without those of a sync either.',
    }),
  'sync.stale': z
    .object({
      ...sync,
      reason: z.enum(STALE_REASONS).meta({ id: 'StaleReason' }),
      lastGoodRunAt: instant.nullable().meta({ description: 'When a run last ended well; null: none has yet.' }),
      path,
    })
    .meta({ description: 'A scheduled sync has not ended well for long. Told once, until a good run.' }),
  'backfill.done': z
    .object({ ...run, counts: runCounts })
    .meta({ description: 'The first run of a sync has gone through everything.' }),
  'record.changed': z
    .object({
      ...{ connectionId: id, provider, resource, path },
      ...digest({ created: count, updated: count, archived: count }),
    })
    .meta({ description: 'The provider’s side has changed records of the venue: a digest.' }),
  'connection.created': connection.meta({ description: 'An account is connected, for the first time or again.' }),
  'connection.failing': connection.meta({ description: 'Its credentials cannot be renewed at the moment.' }),
  'connection.needs-reauth': connection.meta({
    description: 'The account’s owner has to approve again, or a key was refused.',
  }),
  'connection.disconnected': connection.meta({ description: 'A connection was disconnected.' }),
  'dead-letter.added': z
    .object({ source: deadLetterSource, path, ...digest({ added: count }) })
    .meta({ description: 'A record or a provider’s event has failed for good: a digest.' }),
  'discrepancy.found': z
    .object({ connectionId: id, reconciliationId: id, path, ...digest({ found: count }) })
    .meta({ description: 'A reconciliation has found discrepancies: a digest.' }),
  'unknown-field.found': z
    .object({ connectionId: id, provider, resource, path, ...digest({ found: count }) })
    .meta({ description: 'Fields of the provider’s objects have had values that Interlock does not know: a digest.' }),
  'custom-field.changed': z
    .object({
      ...{ connectionId: id, provider, resource, path },
      change: z.enum(CUSTOM_FIELD_CHANGES).meta({ id: 'CustomFieldChange' }),
      fields: z.array(z.string()).meta({ description: 'Their paths, as the list of unknown fields shows them.' }),
      ...digest({ fields: count }),
    })
    .meta({
      description:
        'Custom fields at the provider were met for the first time, no longer by a full pull, or again: a digest of names, never of values.',
    }),
} as const satisfies Record<OutgoingEventType, z.ZodObject>;

/** `data` of a sample, which is sent on request. */
export const SAMPLE_PAYLOAD = z
  .object({ venueId: id, subscriptionId: id })
  .meta({ description: 'A sample, sent on request.' });

/** `data` of a message of the type. */
export type EventPayload<Type extends OutgoingEventType> = z.input<(typeof EVENT_PAYLOADS)[Type]>;

/** Types whose messages collect what happens together. */
export type DigestType = {
  [Type in OutgoingEventType]: EventPayload<Type> extends { readonly since: string } ? Type : never;
}[OutgoingEventType];
