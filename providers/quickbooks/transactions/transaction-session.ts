import { changeFeed } from '../../../domain/sync/pull/pull-plan.ts';
import type { FoundRecords, ListQuery, ProviderPage, PullPlan, ResourceSession } from '../../provider.ts';
import type { Ask } from '../http/ask.ts';
import { HomeCurrency } from '../http/home-currency.ts';
import { CHANGES, changeList, entityList } from '../http/lists.ts';
import { listChangedRecords, listRecords, MOST_IDS, retrieveObjects, retrieveRecord } from '../http/records.ts';
import type { ReadEntity } from '../http/records.ts';
import { currencyOf } from './booked-responses.ts';
import { externalIdOf, MEANINGS, toRecord, transactionSchema } from './transactions.ts';
import type { QuickBooksTransaction } from './transactions.ts';

const ENTITIES = Object.keys(MEANINGS);
const LISTS = ENTITIES.map((entity) => [`all-${entity}`, entity] as const);
/** The lists of a span ask by the day of the transaction, which may be long before or after its creation. */
const DATED = ENTITIES.map((entity) => [`dated-${entity}`, entity] as const);

export const transactionPullPlan: PullPlan = {
  listing: [LISTS.map(([name]) => entityList(name))],
  changes: changeFeed([[changeList('changed-transactions')]], CHANGES),
  mayVanish: true,
  span: { streams: DATED.map(([name]) => entityList(name)), lookBackS: 0, hasDaysAlone: true },
};

export function createTransactionSession(ask: Ask): ResourceSession {
  const home = new HomeCurrency(ask);
  const readOf = (entity: string): ReadEntity<QuickBooksTransaction> => ({
    listed: { entity },
    schema: transactionSchema,
    toRecord: async (transaction) => toRecord(entity, transaction, await currencyOf(transaction, home)),
    externalIdOf: (id) => externalIdOf(entity, id),
  });
  const listPage = (query: ListQuery): Promise<ProviderPage> => {
    const [, listed] = LISTS.find(([name]) => name === query.stream) ?? [];
    if (listed !== undefined) return listRecords(ask, readOf(listed), query);
    const [, dated] = DATED.find(([name]) => name === query.stream) ?? [];
    if (dated === undefined) return listChangedRecords(ask, ENTITIES.map(readOf), query);
    const read = { ...readOf(dated), listed: { entity: dated, where: daysOf(query) } };
    return listRecords(ask, read, { ...query, fromEpochS: null });
  };
  return {
    listPage,
    // Six entities would take six calls.
    count: () => Promise.resolve(null),
    versionOf: (askedAtMs) => askedAtMs,
    retrieve(externalId) {
      const [entity = '', id = ''] = externalId.split(':');
      return ENTITIES.includes(entity) ? retrieveRecord(ask, readOf(entity), id) : Promise.resolve(null);
    },
    retrieveMany: {
      size: MOST_IDS,
      // One query for each type of transaction that is among them.
      async read(externalIds) {
        const found: FoundRecords[] = [];
        for (const [entity, ids] of byEntity(externalIds)) found.push(await retrieveObjects(ask, readOf(entity), ids));
        return {
          records: found.flatMap(({ records }) => records),
          rejections: found.flatMap(({ rejections = [] }) => rejections),
        };
      },
    },
    writer: null,
  };
}

/** Ids of objects by the type of transaction that is in an external id. */
const byEntity = (externalIds: readonly string[]): ReadonlyMap<string, string[]> => {
  const ids = new Map<string, string[]>();
  for (const externalId of externalIds) {
    const [entity = '', id = ''] = externalId.split(':');
    if (ENTITIES.includes(entity)) ids.set(entity, [...(ids.get(entity) ?? []), id]);
  }
  return ids;
};

/** The days of a span, whose end is not in it. */
function daysOf({ fromEpochS, toEpochS }: ListQuery): readonly string[] {
  const dayOf = (epochS: number) => new Date(epochS * 1_000).toISOString().slice(0, 10);
  return [...(fromEpochS === null ? [] : [`TxnDate >= '${dayOf(fromEpochS)}'`]), `TxnDate <= '${dayOf(toEpochS - 1)}'`];
}
