import { changeFeed } from '../../../domain/sync/pull/pull-plan.ts';
import type { ListQuery, PullPlan, ResourceSession } from '../../provider.ts';
import type { Ask } from '../http/ask.ts';
import { BaseCurrency } from '../http/base-currency.ts';
import { CHANGES, list, listRecords, retrieveRecord } from '../http/lists.ts';
import type { Collection } from '../http/lists.ts';
import { externalIdOf, SOURCES } from './transactions.ts';

const NAMES = [...SOURCES.keys()];
const listsOf = (prefix: string) => NAMES.map((name) => list(`${prefix}-${name}`));
/** The lists of a span ask by the day of the transaction, which may be long before or after its creation. */
const DATED = 'dated';

/** Nothing vanishes: what is deleted stays listed with another status. */
export const transactionPullPlan: PullPlan = {
  listing: [listsOf('all')],
  changes: changeFeed([listsOf('changed')], CHANGES),
  mayVanish: false,
  dates: ['changes'],
  span: { streams: listsOf(DATED), lookBackS: 0, hasDaysAlone: true },
};

export function createTransactionSession(ask: Ask): ResourceSession {
  const base = new BaseCurrency(ask);
  const collectionOf = (name: string, ...conditions: readonly string[]): Collection<unknown> | null => {
    const source = SOURCES.get(name);
    if (!source) return null;
    const where = [...(source.where === undefined ? [] : [source.where]), ...conditions].join(' AND ');
    return {
      ...{ name, idProperty: source.idProperty, schema: source.schema },
      query: { unitdp: '4', ...(where !== '' && { where }) },
      externalIdOf: (id) => externalIdOf(name, id),
      toRecord: (item) => source.toRecord(item, base),
    };
  };
  return {
    listPage(query) {
      const [prefix = '', name = ''] = query.stream.split('-');
      const isDated = prefix === DATED;
      const collection = collectionOf(name, ...(isDated ? daysOf(query) : []));
      if (!collection) throw new Error(`Xero has no list ${query.stream}`);
      return listRecords(ask, collection, isDated ? { ...query, fromEpochS: null } : query);
    },
    // Three collections would take three calls.
    count: () => Promise.resolve(null),
    versionOf: (askedAtMs) => askedAtMs,
    retrieve(externalId) {
      const [name = '', id = ''] = externalId.split(':');
      const collection = collectionOf(name);
      return collection ? retrieveRecord(ask, collection, id) : Promise.resolve(null);
    },
    writer: null,
  };
}

/** The days of a span, whose end is not in it. */
function daysOf({ fromEpochS, toEpochS }: ListQuery): readonly string[] {
  const dayOf = (epochS: number): string => {
    const day = new Date(epochS * 1_000);
    return `DateTime(${day.getUTCFullYear()},${day.getUTCMonth() + 1},${day.getUTCDate()})`;
  };
  return [...(fromEpochS === null ? [] : [`Date >= ${dayOf(fromEpochS)}`]), `Date <= ${dayOf(toEpochS - 1)}`];
}
