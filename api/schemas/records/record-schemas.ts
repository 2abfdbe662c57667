import { z } from 'zod';
import type { ConnectionId } from '../../../contracts/ids.ts';
import type { RecordChanges, RecordFilter, RecordInput } from '../../../db/records/record-store.ts';
import type { RecordFilterRule, RecordKind } from '../../../records/record-kind.ts';
import { flag, instant, pageOf, paging, sourceId, timestamp, uuid } from '../common.ts';
import { linkState } from '../words.ts';
import { clearable, fieldAnswer, fieldInput, filterInput, mapFields } from './values.ts';

/** The input and answer schemas of one kind of record. Every operation on records is built from them. */
export interface RecordSchemas {
  /** A record of a batch: an omitted field keeps the stored value, null clears it. */
  readonly record: z.ZodType<RecordInput>;
  readonly changes: z.ZodType<RecordChanges & { readonly sourceId?: string | undefined }>;
  /** A whole record: an omitted field becomes null. */
  readonly replacement: z.ZodType<RecordChanges & { readonly sourceId?: string | undefined }>;
  readonly listQuery: z.ZodType<RecordFilter & { readonly limit: number; readonly cursor?: string | undefined }>;
  readonly batch: z.ZodType;
  readonly answer: z.ZodType;
  readonly page: z.ZodType;
}

const made = new WeakMap<RecordKind, RecordSchemas>();

/** The schemas of a kind, created once, because a name in the OpenAPI document belongs to one schema. */
export function schemasOf(kind: RecordKind): RecordSchemas {
  const schemas = made.get(kind) ?? makeSchemas(kind);
  made.set(kind, schemas);
  return schemas;
}

function makeSchemas({ words, fields, filters }: RecordKind): RecordSchemas {
  const named = Object.entries(fields);
  const needed = Object.fromEntries(named.filter(([, { presence }]) => presence === 'required'));
  const others = Object.fromEntries(named.filter(([, { presence }]) => presence !== 'required'));
  const kept = { ...mapFields(needed, (field) => fieldInput(field).optional()), ...mapFields(others, clearable) };
  const unchangedSourceId = sourceId
    .optional()
    .meta({ description: 'May be sent back as it was read; it cannot be changed.' });
  const record = z
    .strictObject({ sourceId, ...kept })
    .meta({ id: `${words.one}Input`, description: describeInput(Object.keys(needed)) });
  const shown = z.object({ ...envelope, ...mapFields(fields, fieldAnswer), links }).meta({ id: words.one });
  const schemas = {
    record,
    changes: z.strictObject({ sourceId: unchangedSourceId, ...kept }).meta({ id: `${words.one}Changes` }),
    replacement: z
      .strictObject({
        sourceId: unchangedSourceId,
        ...mapFields(needed, fieldInput),
        ...mapFields(others, (field) => fieldInput(field).nullable().default(null)),
      })
      .meta({ id: `${words.one}Replacement`, description: 'Fields left out are cleared.' }),
    listQuery: z.strictObject({
      ...paging,
      ...commonFilters,
      ...Object.fromEntries(
        Object.entries(filters).map(([name, rule]) => [name, filterSchema(fields[rule.field], rule)]),
      ),
    }),
    batch: z.strictObject({ records: z.array(record) }).meta({ id: `${words.one}Batch` }),
    answer: shown,
    page: pageOf(words.one, shown),
  };
  // Only the keys are typed here; test/api/records/records.test.ts checks the shapes against the descriptors.
  return schemas;
}

function filterSchema(
  field: RecordKind['fields'][string] | undefined,
  { by, field: name }: RecordFilterRule,
): z.ZodType {
  if (!field) throw new Error(`a filter asks for ${name}, a field that there is not`);
  if (by === 'equal') return filterInput(field).optional();
  return instant.optional().meta({ description: by === 'from' ? 'At or after this time.' : 'Before this time.' });
}

const envelope = {
  id: z.uuid(),
  venueId: z.uuid(),
  sourceId: z.string(),
  version: z.int().meta({ description: 'Grows by one with every change.' }),
  createdAt: timestamp,
  updatedAt: timestamp,
  deletedAt: timestamp.nullable(),
};

const links = z.array(
  z
    .object({
      connectionId: z.uuid(),
      externalId: z.string().nullable(),
      syncedAt: timestamp.nullable(),
      state: linkState,
      notes: z.array(z.object({ code: z.string(), message: z.string() }).meta({ id: 'RecordNote' })).meta({
        description:
          'What the last write could not carry over or left standing at the provider; `docs/errors` lists the codes.',
      }),
    })
    .meta({ id: 'RecordLink', description: 'What the record is at a provider.' }),
);

const commonFilters = {
  sourceId: sourceId.optional(),
  updatedSince: instant.optional().meta({ description: 'Changed at or after this time.' }),
  connectionId: uuid
    .transform((id) => id as ConnectionId)
    .optional()
    .meta({ description: 'Linked to this connection.' }),
  includeDeleted: flag.meta({ description: 'Also show deleted ones.' }),
};

const describeInput = (required: readonly string[]): string =>
  [
    'Fields left out keep their values; null clears one.',
    ...(required.length === 0 ? [] : [`A new record needs ${required.map((field) => `\`${field}\``).join(', ')}.`]),
  ].join(' ');
