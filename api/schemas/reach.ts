import { z } from 'zod';
import { UNKNOWN_FIELD_KINDS } from '../../contracts/unknown-fields.ts';
import type { StoredUnknownField } from '../../db/connections/unknown-field-store.ts';
import { day, timestamp } from './common.ts';
import { resource } from './words.ts';

const MAX_FIELDS = 100;

const historyFrom = day.meta({
  description:
    'What began before this day, in the venue’s time zone, is not pulled; null: everything is. A later day deletes nothing that is stored, and an earlier one makes the next pull read everything.',
  example: '2026-01-01',
});

export const excludedField = z.string().min(1).max(100);

export const reachBody = z.strictObject({
  excludedFields: z
    .array(excludedField)
    .max(MAX_FIELDS)
    .optional()
    .meta({
      description:
        'Fields of the kind of record that this connection leaves out. A required field cannot be left out. They stay as they are when this is missing.',
      example: ['email', 'phone'],
    }),
  historyFrom: historyFrom.nullable().optional(),
});

export const reachAnswer = z
  .object({
    connectionId: z.uuid(),
    resource,
    excludedFields: z.array(z.string()),
    historyFrom: historyFrom.nullable(),
    storedValues: z.literal('kept').meta({
      description:
        'What was stored of a field before it was left out stays as it was then, until the venue changes or deletes it.',
    }),
  })
  .meta({ id: 'Reach' });

export const unknownFieldAnswer = z
  .object({
    path: z.string().meta({
      description:
        'The names that lead to the field, joined by dots: letters, digits and `_`. Other separators in a name are shown as `_`, and so is a whole name that does not look like one of a field.',
      example: 'metadata.loyalty_tier',
    }),
    kind: z.enum(UNKNOWN_FIELD_KINDS).meta({
      id: 'UnknownFieldKind',
      description:
        '`custom-field`: people at the provider have defined it. `value`: the field had a value that Interlock does not know, and the object was rejected. `type`: likewise, with a value of another type than the provider documents. `field`: the provider sends it and does not document it.',
    }),
    firstSeenAt: timestamp,
    lastSeenAt: timestamp.meta({ description: 'When a pull last met it, to the length of a run’s piece of work.' }),
    vanishedAt: timestamp
      .nullable()
      .meta({ description: 'When a full pull met the custom field no longer; null while it is there.' }),
  })
  .meta({ id: 'UnknownField' });

export const presentUnknownField = (field: StoredUnknownField): z.input<typeof unknownFieldAnswer> => ({
  path: field.path,
  kind: field.kind,
  firstSeenAt: field.firstSeenAt.toISOString(),
  lastSeenAt: field.lastSeenAt.toISOString(),
  vanishedAt: field.vanishedAt?.toISOString() ?? null,
});
