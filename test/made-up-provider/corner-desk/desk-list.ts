import { z } from 'zod';
import { timeWindows } from '../../../domain/sync/pull/pull-plan.ts';
import { readItems, unreadableRejection } from '../../../providers/items.ts';
import { ProviderError } from '../../../providers/provider-error.ts';
import type {
  ListQuery,
  MappedRecord,
  ProviderPage,
  ProviderRecord,
  PullPlan,
  RecordRefs,
  ResourceSession,
} from '../../../providers/provider.ts';
import type { RecordFields } from '../../../records/record-kind.ts';
import type { Ask } from './ask.ts';

const PAGE_SIZE = 3;

/** What every object of a Corner Desk has. */
export const deskObject = z.object({
  id: z.string(),
  created: z.int(),
  /** Where a push leaves our record's id. */
  reference: z.string().nullable(),
});
type DeskObject = z.output<typeof deskObject>;

/** One of the lists of a Corner Desk. */
export interface DeskList<Item extends DeskObject> {
  readonly name: string;
  readonly schema: z.ZodType<Item>;
  toFields(item: Item): RecordFields;
  /** The ids of other objects that one names. */
  refsOf?(item: Item): RecordRefs;
}

/** Newest first inside windows of creation time. Tells of no change by itself, so every pull reads everything. */
export const pullPlanOf = (list: string): PullPlan => ({
  listing: [[timeWindows(list)]],
  changes: null,
  mayVanish: true,
});

const pageSchema = z.object({ data: z.array(z.unknown()), more: z.boolean() });

export function createListSession<Item extends DeskObject>(ask: Ask, list: DeskList<Item>): ResourceSession {
  const path = `/v2/${list.name}`;
  const read = (item: Item, askedAtMs: number): ProviderRecord => ({
    externalId: item.id,
    version: askedAtMs,
    deleted: false,
    recordId: item.reference,
    fields: list.toFields(item),
    ...(list.refsOf && { refs: list.refsOf(item) }),
  });
  const readPage = async (query: string) => {
    const askedAtMs = Date.now();
    const page = (await ask(pageSchema, `${path}?${query}`)) ?? { data: [], more: false };
    const { items, unreadable } = readItems(list.schema, page.data);
    return { items, unreadable, more: page.more, records: items.map((item) => read(item, askedAtMs)) };
  };
  const write = async (at: string, method: string, { payload }: MappedRecord, idempotencyKey: string) => {
    const askedAtMs = Date.now();
    const headers = { 'idempotency-key': idempotencyKey };
    const written = await ask(list.schema, at, { method, body: JSON.stringify(payload), headers });
    if (!written) throw new ProviderError({ provider: 'corner-desk', kind: 'rejected', httpStatus: 404 });
    return read(written, askedAtMs);
  };
  return {
    async listPage(query): Promise<ProviderPage> {
      const { items, unreadable, more, records } = await readPage(parametersOf(query));
      return {
        records,
        rejections: unreadable.map(unreadableRejection),
        positions: items.map(({ id, created }) => ({ id, atEpochS: created })),
        after: more ? (items.at(-1)?.id ?? null) : null,
        pageSize: PAGE_SIZE,
      };
    },
    count: () => Promise.resolve(null),
    versionOf: (askedAtMs) => askedAtMs,
    async retrieve(externalId) {
      const askedAtMs = Date.now();
      const item = await ask(list.schema, `${path}/${externalId}`);
      return item && read(item, askedAtMs);
    },
    writer: {
      create: (mapped, { idempotencyKey }) => write(path, 'POST', mapped, idempotencyKey),
      update: (externalId, mapped, { idempotencyKey }) => write(`${path}/${externalId}`, 'PUT', mapped, idempotencyKey),
      async archive(externalId) {
        await ask(z.object({}), `${path}/${externalId}`, { method: 'DELETE' });
        return 'deleted';
      },
      async findRemote({ recordId }) {
        const { records } = await readPage(`reference=${recordId}`);
        return { found: records[0] ?? null, after: null };
      },
    },
  };
}

function parametersOf({ fromEpochS, toEpochS, after }: ListQuery): string {
  const parameters = {
    limit: String(PAGE_SIZE),
    to: String(toEpochS),
    ...(fromEpochS !== null && { from: String(fromEpochS) }),
    ...(typeof after === 'string' && { after }),
  };
  return new URLSearchParams(parameters).toString();
}
