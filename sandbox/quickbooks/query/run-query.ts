import type { PageFault } from '../../core/faults.ts';
import { ENTITIES, isAbroad, isNameEntity, textIn } from '../state/quickbooks-state.ts';
import type { Company, Entity, WireObject } from '../state/quickbooks-state.ts';
import { invalidQuery, parseQuery } from './query-language.ts';
import type { Condition, Query } from './query-language.ts';

/** Properties that a query may compare; of an entity that lacks one, no object has it. */
const FILTERABLE: ReadonlySet<string> = new Set([
  'Id',
  'MetaData.CreateTime',
  'MetaData.LastUpdatedTime',
  ...['Active', 'DisplayName', 'Name', 'FullyQualifiedName', 'GivenName', 'FamilyName', 'CompanyName'],
  ...['PrimaryEmailAddr', 'Type', 'Sku', 'DocNumber', 'TxnDate', 'DueDate', 'CustomerRef', 'TotalAmt', 'Balance'],
  ...['AccountType', 'AccountSubType'],
]);

/** Properties whose value stands inside an object. */
const INSIDE: Readonly<Record<string, readonly string[]>> = {
  PrimaryEmailAddr: ['PrimaryEmailAddr', 'Address'],
  CustomerRef: ['CustomerRef', 'value'],
};

/** The `QueryResponse` of a query. Throws a `Refusal` for one that cannot be run. */
export function runQuery(company: Company, text: string, pageFault: PageFault | null = null): object {
  const query = parseQuery(text);
  if (query.entity === 'Preferences') return { Preferences: [preferencesOf(company)], startPosition: 1, maxResults: 1 };
  if (query.entity === 'CompanyInfo')
    return { CompanyInfo: [{ Id: '1', Country: isAbroad(company) ? 'GB' : 'US' }], startPosition: 1, maxResults: 1 };
  // In any case: node-quickbooks 2.0.50 writes them all in lower case.
  const entity = ENTITIES.find((name) => name.toLowerCase() === query.entity.toLowerCase());
  if (entity === undefined) throw invalidQuery(`Entity ${query.entity} is not supported.`);
  const found = sorted(query, entity, matching(company, query, entity));
  if (query.isCount) return { totalCount: found.length };
  const { from, to } = rangeOf(query, pageFault);
  const page = found.slice(from, to);
  if (page.length === 0) return {};
  return { [entity]: page, startPosition: from + 1, maxResults: page.length };
}

function rangeOf({ startPosition, maxResults }: Query, fault: PageFault | null) {
  const from = startPosition - 1;
  if (fault === 'page-repeat') return { from: Math.max(0, from - maxResults + 1), to: Math.max(0, from) + 1 };
  if (fault === 'page-skip') return { from: from + maxResults, to: from + 2 * maxResults };
  return { from, to: from + (fault === 'page-shrink' ? Math.ceil(maxResults / 2) : maxResults) };
}

function matching({ state, id }: Company, { conditions }: Query, entity: Entity): readonly WireObject[] {
  for (const { property } of conditions)
    if (!FILTERABLE.has(property)) throw invalidQuery(`Property ${property} not found for Entity ${entity}`);
  const asksActive = conditions.some(({ property }) => property === 'Active');
  return state
    .list(id, entity)
    .filter((object) => asksActive || !isNameEntity(entity) || object['Active'] !== false)
    .filter(fulfilling(conditions));
}

/** Reads an object's own value of a property. */
function readerOf(property: string): (object: WireObject) => string | null {
  if (property === 'Active') return (object) => (object['Active'] === false ? 'false' : 'true');
  const path = INSIDE[property] ?? property.split('.');
  return (object) => textIn(object, ...path);
}

/** Works out once for all objects what the conditions compare with: a company may have many. */
function fulfilling(conditions: readonly Condition[]): (object: WireObject) => boolean {
  const tests = conditions.map((condition) => ({ test: testOf(condition), read: readerOf(condition.property) }));
  return (object) =>
    tests.every(({ test, read }) => {
      const own = read(object);
      return own !== null && test(own);
    });
}

function testOf({ property, operator, values }: Condition): (own: string) => boolean {
  const [value = ''] = values;
  if (operator === 'LIKE') {
    const pattern = likePattern(value);
    return (own) => pattern.test(own);
  }
  const keys = values.map((one) => keyOf(property, one));
  if (operator === 'IN') return (own) => keys.includes(keyOf(property, own));
  const [key = ''] = keys;
  return (own) => {
    const order = orderOf(keyOf(property, own), key);
    return { '=': order === 0, '<': order < 0, '>': order > 0, '<=': order <= 0, '>=': order >= 0 }[operator];
  };
}

const likePattern = (value: string): RegExp =>
  new RegExp(
    `^${value
      .split('%')
      .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
      .join('.*')}$`,
    'is',
  );

/** Times by their moment, numbers by their size, and texts without regard to case, as names at QuickBooks are unique. */
function keyOf(property: string, text: string): Key {
  if (property.startsWith('MetaData.')) return momentOf(text);
  return property === 'Id' || property === 'TotalAmt' || property === 'Balance' ? Number(text) : text.toLowerCase();
}

type Key = number | string;
const orderOf = (one: Key, other: Key): number => (one < other ? -1 : one > other ? 1 : 0);

function momentOf(text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw invalidQuery('value is not a date time.');
  return Math.floor(ms / 1_000);
}

/** Without an order QuickBooks gives names by their full name, as recorded, and transactions by their day, the latest first. */
function sorted({ order }: Query, entity: Entity, objects: readonly WireObject[]): readonly WireObject[] {
  // https://github.com/sahat/hackathon-starter/pull/1510 (2026-11): ids are no longer to be sorted by.
  if (order.some(({ property }) => property === 'Id' || !FILTERABLE.has(property)))
    throw invalidQuery('The property is not sortable.');
  const usual = isNameEntity(entity)
    ? { property: 'FullyQualifiedName', descending: false }
    : { property: 'TxnDate', descending: true };
  const by = order.length > 0 ? order : [usual];
  const readers = by.map(({ property }) => ({ property, read: readerOf(property) }));
  return objects
    .map((object) => ({ object, keys: readers.map(({ property, read }) => keyOf(property, read(object) ?? '')) }))
    .sort((one, other) => {
      for (const [index, { descending }] of by.entries()) {
        const difference = orderOf(one.keys[index] ?? '', other.keys[index] ?? '');
        if (difference !== 0) return descending ? -difference : difference;
      }
      return 0;
    })
    .map(({ object }) => object);
}

/** https://developer.intuit.com/app/developer/qbo/docs/api/accounting/all-entities/preferences (2026-11), as far as it is used. */
const preferencesOf = (company: Company) => ({
  CurrencyPrefs: { MultiCurrencyEnabled: true, HomeCurrency: { value: company.homeCurrency } },
  TaxPrefs: { UsingSalesTax: isAbroad(company) },
  domain: 'QBO',
  sparse: false,
  Id: '1',
  SyncToken: '0',
});
