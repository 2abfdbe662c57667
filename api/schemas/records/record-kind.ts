import { z } from 'zod';
import type { ConnectionId } from '../../../contracts/ids.ts';
import type { Resource } from '../../../contracts/providers.ts';
import type { RecordEnvelope, RecordLink } from '../../../contracts/records.ts';
import type { RecordChanges, RecordFilter, RecordInput } from '../../../db/records/record-store.ts';
import { flag, instant, pageOf, paging, sourceId, timestamp, uuid } from '../common.ts';
import { linkState } from '../words.ts';

type Shape = Readonly<Record<string, z.ZodType>>;

/** How the reference calls the records of one resource. */
export interface RecordWords {
  /** In names of operations and schemas. */
  readonly one: string;
  readonly many: string;
  /** In sentences, with its article. */
  readonly a: string;
  readonly several: string;
}

export type RecordIdName = 'productId' | 'customerId' | 'inventoryId' | 'transactionId' | 'invoiceId';

interface Definition {
  readonly words: RecordWords;
  /** The name of the id in paths. */
  readonly id: RecordIdName;
  /** Fields without which a record is not whole. They may be left out where the record is there already. */
  readonly required: Shape;
  /** Fields that null empties. */
  readonly clearable: Shape;
  readonly answer: Shape;
  /** Of the list, besides those that every list of records has. */
  readonly filters?: Shape;
}

/** What callers may send and are shown of one resource. Everything that serves records is built from this. */
export interface RecordKind<R extends Resource = Resource> {
  readonly resource: R;
  readonly words: RecordWords;
  readonly id: RecordIdName;
  /** One of a batch: an absent field keeps the stored value, null clears it. */
  readonly record: z.ZodType<RecordInput<R>>;
  readonly changes: z.ZodType<RecordChanges<R> & { readonly sourceId?: string | undefined }>;
  /** With every field that may be cleared: what was not sent is null. */
  readonly replacement: z.ZodType<RecordChanges<R> & { readonly sourceId?: string | undefined }>;
  readonly listQuery: z.ZodType<RecordFilter & { readonly limit: number; readonly cursor?: string | undefined }>;
  readonly batch: z.ZodType;
  readonly answer: z.ZodType;
  readonly page: z.ZodType;
}

export function recordKind<R extends Resource>(
  resource: R,
  { words, id, required, clearable, answer, filters }: Definition,
): RecordKind<R> {
  const cleared = mapShape(clearable, (schema) => schema.nullable().optional());
  const kept = { ...mapShape(required, (schema) => schema.optional()), ...cleared };
  const unchangedSourceId = sourceId
    .optional()
    .meta({ description: 'May be sent back as it was read; it cannot be changed.' });
  const record = z
    .strictObject({ sourceId, ...kept })
    .meta({ id: `${words.one}Input`, description: describeInput(Object.keys(required)) });
  const shown = z.object({ ...envelope, ...answer, links }).meta({ id: words.one });
  const schemas = {
    record,
    changes: z.strictObject({ sourceId: unchangedSourceId, ...kept }).meta({ id: `${words.one}Changes` }),
    replacement: z
      .strictObject({
        sourceId: unchangedSourceId,
        ...required,
        ...mapShape(clearable, (schema) => schema.nullable().default(null)),
      })
      .meta({ id: `${words.one}Replacement`, description: 'Fields left out are cleared.' }),
    listQuery: z.strictObject({ ...paging, ...commonFilters, ...filters }),
    batch: z.strictObject({ records: z.array(record) }).meta({ id: `${words.one}Batch` }),
    answer: shown,
    page: pageOf(words.one, shown),
  };
  // Of the shapes only their keys are known here; test/api/records/records.test.ts holds them to the fields that the contracts name.
  return { resource, words, id, ...schemas } as unknown as RecordKind<R>;
}

/** A record as the answer shows it. */
export function presentRecord({
  createdAt,
  updatedAt,
  deletedAt,
  links: all,
  ...rest
}: RecordEnvelope & { readonly links: readonly RecordLink[] }): object {
  return {
    ...rest,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
    deletedAt: deletedAt?.toISOString() ?? null,
    links: all.map((link) => ({ ...link, syncedAt: link.syncedAt?.toISOString() ?? null })),
  };
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

const mapShape = (shape: Shape, change: (schema: z.ZodType) => z.ZodType): Shape =>
  Object.fromEntries(Object.entries(shape).map(([field, schema]) => [field, change(schema)]));

const describeInput = (required: readonly string[]): string =>
  [
    'Fields left out keep their values; null clears one.',
    ...(required.length === 0 ? [] : [`A new record needs ${required.map((field) => `\`${field}\``).join(', ')}.`]),
  ].join(' ');
