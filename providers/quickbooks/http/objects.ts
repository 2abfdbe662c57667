import { z } from 'zod';
import { textAt, unreadableRejection } from '../../items.ts';
import type { UnreadableItem } from '../../items.ts';
import type { Cursor, PagePosition, ProviderPage, ProviderRecord } from '../../provider.ts';
import { PAGE_SIZE } from './query.ts';

/** Null when it is missing. */
export const orNull = <Schema extends z.ZodType>(schema: Schema) =>
  schema.nullish().transform((value) => (value ?? null) as z.output<Schema> | null);

/** What names another object. */
export const reference = orNull(z.object({ value: z.string().min(1) }));

/** What every object has, https://developer.intuit.com/app/developer/qbo/docs/api/accounting/all-entities, read 2026-11-28. */
export const objectFields = {
  Id: z.string().min(1),
  SyncToken: z.string().regex(/^\d{1,10}$/),
  MetaData: z.object({
    CreateTime: z.iso.datetime({ offset: true }),
    LastUpdatedTime: z.iso.datetime({ offset: true }),
  }),
  /**
   * Fields that the company has defined for its forms (https://developer.intuit.com/app/developer/qbo/docs/workflows/create-custom-fields/use-cases,
   * read 2026-11-28). Only their names are read.
   */
  CustomField: z
    .array(z.object({ Name: z.string().min(1) }))
    .nullish()
    .catch(null),
};
/** The names of `objectFields` and what else every object may have. */
export const OBJECT_NAMES = 'Id SyncToken MetaData CustomField AttachableRef domain status sparse';
export type QuickBooksObject = z.output<z.ZodObject<typeof objectFields>>;

/**
 * Times are whole seconds, and a SyncToken grows with each write, so that both order readings. A balance that changes moves the time
 * alone.
 */
export function versionOf({ SyncToken, MetaData }: Pick<QuickBooksObject, 'SyncToken' | 'MetaData'>): number {
  return Date.parse(MetaData.LastUpdatedTime) + Math.min(Number(SyncToken), LAST_IN_SECOND);
}
const LAST_IN_SECOND = 999;

/** The names of an object's custom fields, as a record tells them. */
export function customFieldsOf({
  CustomField: fields,
}: Pick<QuickBooksObject, 'CustomField'>): Pick<ProviderRecord, 'customFields'> {
  return fields && fields.length > 0 ? { customFields: fields.map(({ Name }) => ['CustomField', Name]) } : {};
}

const tombstone = z.object({
  status: z.literal('Deleted'),
  Id: z.string().min(1),
  MetaData: z.object({ LastUpdatedTime: z.iso.datetime({ offset: true }) }),
});

/** What change data capture tells of a deleted object; null for one that is there. */
export function deletionIn(raw: unknown): { readonly record: ProviderRecord } | null {
  const { data } = tombstone.safeParse(raw);
  return data ? { record: toDeletion(data.Id, Date.parse(data.MetaData.LastUpdatedTime)) } : null;
}

/** A deletion is newer than whatever else was written in its second. */
export const toDeletion = (externalId: string, deletedAtMs: number): ProviderRecord => ({
  ...{ externalId, version: deletedAtMs + LAST_IN_SECOND, deletedAtMs },
  ...{ deleted: true, recordId: null, fields: null },
});

export const idOf = (raw: unknown): string | null => textAt(raw, 'Id');

/** QuickBooks holds no metadata of ours: what a pull tells are its own facts, under keys that begin so. */
export const QUICKBOOKS_METADATA = { prefix: 'quickbooks_' } as const;

/** Metadata without the values that an object lacks. */
export const withoutEmpty = (values: Readonly<Record<string, string | null>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(values).flatMap(([key, value]) => (value ? [[key, value] as const] : [])));

/** The objects of one page, as they came. */
export interface RawPage {
  readonly raw: readonly unknown[];
  readonly after: Cursor | null;
}

/** What became of the objects of a page. */
export interface ReadRecords extends Pick<ProviderPage, 'newFields'> {
  readonly records: readonly ProviderRecord[];
  readonly unreadable: readonly UnreadableItem[];
}

/** A page of records, of what became of its objects. */
export const toPage = (
  { raw, after }: RawPage,
  read: ReadRecords,
  externalIdOf: (raw: unknown) => string | null = idOf,
): ProviderPage => ({
  records: read.records,
  rejections: read.unreadable.map(unreadableRejection),
  after,
  ...(read.newFields && { newFields: read.newFields }),
  pageSize: PAGE_SIZE,
  positions: raw.flatMap((one) => positionOf(one, externalIdOf)),
});

function positionOf(raw: unknown, externalIdOf: (raw: unknown) => string | null): readonly PagePosition[] {
  const id = externalIdOf(raw);
  const createdAtMs = Date.parse(textAt(raw, 'MetaData', 'CreateTime') ?? '');
  return id === null ? [] : [{ id, atEpochS: Number.isNaN(createdAtMs) ? null : Math.floor(createdAtMs / 1_000) }];
}
