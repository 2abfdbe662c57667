import { z } from 'zod';
import { CONFLICT_KINDS, CONFLICT_RESOLUTIONS, CONFLICT_STATES } from '../../contracts/conflicts.ts';
import type { ConnectionId } from '../../contracts/ids.ts';
import type { Conflict } from '../../db/conflicts/conflict.ts';
import { whereRight } from './combined-fields.ts';
import { orNull, paging, timestamp, uuid } from './common.ts';
import { resource, resourceOf } from './words.ts';

const conflictKind = z.enum(CONFLICT_KINDS).meta({
  id: 'ConflictKind',
  description:
    '`fields`: both sides changed the same fields differently; `deleted-by-venue`: the venue deleted the record while the provider changed it; `deleted-by-provider`: the other way round.',
});
const conflictState = z.enum(CONFLICT_STATES).meta({ id: 'ConflictState' });
const conflictResolution = z.enum(CONFLICT_RESOLUTIONS).meta({
  id: 'ConflictResolution',
  description: '`agreed`: a later run found both sides equal.',
});

export const conflictListQuery = (resources: readonly string[]) =>
  z.strictObject({
    connectionId: uuid.transform((id) => id as ConnectionId).optional(),
    resource: resourceOf(resources).optional(),
    state: conflictState.optional(),
    ...paging,
  });

const value = z.unknown().meta({ description: 'As the record’s field, or null.' });

export const conflictAnswer = z
  .object({
    id: z.uuid(),
    connectionId: z.uuid(),
    resource,
    recordId: z.uuid(),
    sourceId: z.string(),
    externalId: z.string().nullable(),
    kind: conflictKind,
    fields: z
      .array(
        z
          .object({
            field: z.string().meta({ description: 'A field of the record, or `metadata.<key>`.' }),
            agreed: value,
            venue: value,
            provider: value,
          })
          .meta({ id: 'ConflictField' }),
      )
      .meta({
        description:
          'The values of both sides when the conflict was found, and the one that they last agreed on; null also where that is unknown.',
      }),
    state: conflictState,
    resolution: orNull(conflictResolution),
    syncId: z.uuid().nullable().meta({ description: 'The run that last found it.' }),
    foundAt: timestamp,
    resolvedAt: timestamp.nullable(),
    resolvedBy: z.string().nullable(),
  })
  .meta({ id: 'Conflict' });

export const resolveConflictBody = z
  .strictObject({
    take: z.enum(['venue', 'provider', 'values']).meta({
      description:
        '`venue` and `provider` take that side’s values, and for a deletion its deletion or its change; `values` takes those given.',
    }),
    values: z
      // zod-to-openapi 9.1.0 does not end on the recursive `z.json()`; a body is JSON in any case.
      .record(z.string(), z.unknown())
      .optional()
      .meta({ description: 'With `take: values`: a value for each field in conflict, by the name in `fields`.' }),
  })
  .superRefine(
    ({ take, values }, context) => {
      if ((take === 'values') !== (values !== undefined))
        context.addIssue({ code: 'custom', path: ['values'], message: 'Goes with `take: values`, and only with that' });
    },
    whereRight('take', 'values'),
  )
  .meta({ id: 'ResolveConflict' });

export const presentConflict = (row: Conflict): z.input<typeof conflictAnswer> => ({
  id: row.id,
  connectionId: row.connectionId,
  resource: row.resource,
  recordId: row.recordId,
  sourceId: row.sourceId,
  externalId: row.externalId,
  kind: row.kind,
  fields: row.fields as z.input<typeof conflictAnswer>['fields'],
  state: row.state,
  resolution: row.resolution,
  syncId: row.syncId,
  foundAt: row.createdAt.toISOString(),
  resolvedAt: row.resolvedAt?.toISOString() ?? null,
  resolvedBy: row.resolvedBy,
});
