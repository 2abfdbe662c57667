import { validationException, notFound } from '../errors.ts';
import type { Endpoint } from '../http/endpoint.ts';
import { findOne, wantedOf } from '../http/paging.ts';
import { ElementProblem, writeElements, WRITES } from '../http/writing.ts';
import type { Written } from '../http/writing.ts';
import { textOf } from '../state/xero-state.ts';
import type { Organisation, WireObject } from '../state/xero-state.ts';
import { withDecimals } from './decimals.ts';

const READ = ['accounting.settings', 'accounting.settings.read'];
const WRITE = ['accounting.settings'];

/** https://developer.xero.com/documentation/api/accounting/items (2026-11): one answer has all items, and there is no page to ask for. */
export const ITEM_ENDPOINTS: readonly Endpoint[] = [
  {
    ...{ method: 'GET', collection: 'Items', one: false, scopes: READ },
    run: (request) => ({ Items: wantedOf(request, 'Items').map((item) => priced(item, request.visit.query)) }),
  },
  {
    ...{ method: 'GET', collection: 'Items', one: true, scopes: READ },
    run({ organisation, rest, visit }) {
      const found = findOne(organisation, 'Items', { key: rest, alias: 'Code' });
      return found ? { Items: [priced(found, visit.query)] } : notFound();
    },
  },
  {
    ...{ method: 'DELETE', collection: 'Items', one: true, scopes: WRITE },
    run({ organisation, rest }) {
      const { state, id: tenant } = organisation;
      const found = state.get(tenant, 'Items', rest.toLowerCase());
      if (!found) return notFound();
      if (isUsed(organisation, found))
        return validationException([
          {
            ItemID: rest,
            ValidationErrors: [{ Message: 'The item cannot be deleted as it is used on a transaction.' }],
          },
        ]);
      state.delete(tenant, 'Items', rest.toLowerCase());
      return { status: 204, headers: {}, body: '', changes: [] };
    },
  },
  ...WRITES.map(({ method, one }): Endpoint => ({
    ...{ method, one, collection: 'Items', scopes: WRITE },
    run(request) {
      const answer = writeElements(request, ITEMS);
      if (!('Items' in answer)) return answer;
      return { Items: (answer.Items as readonly WireObject[]).map((item) => priced(item, request.visit.query)) };
    },
  })),
];

const isUsed = ({ state, id: tenant }: Organisation, item: WireObject): boolean =>
  state
    .list(tenant, 'Invoices')
    .some(({ LineItems: lines }) =>
      (lines as readonly WireObject[]).some(({ ItemCode: code }) => code === item['Code']),
    );

/** Prices have two decimals unless a request asks for four. */
function priced(item: WireObject, query: URLSearchParams): WireObject {
  const details = (name: string) => {
    const value = item[name] as WireObject | undefined;
    return value && 'UnitPrice' in value
      ? { [name]: { ...value, UnitPrice: withDecimals(value['UnitPrice'], query.get('unitdp') === '4' ? 4 : 2) } }
      : {};
  };
  return { ...item, ...details('SalesDetails'), ...details('PurchaseDetails') };
}

const ITEMS: Written = {
  entity: 'Items',
  sameAs: ({ state, id: tenant }, element) => {
    const code = textOf(element, 'Code')?.toLowerCase();
    return code === undefined
      ? undefined
      : state.list(tenant, 'Items').find((item) => textOf(item, 'Code')?.toLowerCase() === code);
  },
  duplicate: (element) => `Price List Item with Code '${String(element['Code'])}' already exists`,
  next(_, element, current) {
    const next: WireObject = {
      ...{ IsTrackedAsInventory: false, IsSold: true, IsPurchased: true, SalesDetails: {}, PurchaseDetails: {} },
      ...current,
      ...element,
    };
    if (textOf(next, 'Code') === null) throw new ElementProblem('Item Code must be specified.');
    for (const [name, most] of Object.entries({ Code: 30, Name: 50, Description: 4_000 }))
      if ((textOf(next, name)?.length ?? 0) > most)
        throw new ElementProblem(`The ${name} field must be ${most} characters or less.`);
    return next;
  },
};
