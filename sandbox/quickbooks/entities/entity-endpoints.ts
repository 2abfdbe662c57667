import { Refusal } from '../../oauth/exchange.ts';
import { bodyOf, invalidRequest, unsupported } from '../http/endpoint.ts';
import type { CompanyRequest, Endpoint } from '../http/endpoint.ts';
import { runQuery } from '../query/run-query.ts';
import { ENTITIES, isNameEntity } from '../state/quickbooks-state.ts';
import type { Company, Entity, WireObject } from '../state/quickbooks-state.ts';
import { changedObjects } from './changes.ts';
import { deleteTransaction, voidTransaction } from './transactions.ts';
import { readObject, writeObject } from './writing.ts';

/**
 * A batch has at most 30 items, and with a `requestid` their ids have at most 10 characters
 * (https://developer.intuit.com/app/developer/qbo/docs/learn/explore-the-quickbooks-online-api/batch,
 * https://blogs.intuit.com/2015/04/06/15346/, 2026-11).
 */
const MOST_ITEMS = 30;
const LONGEST_ITEM_ID = 10;

export const ENTITY_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'GET',
    rest: /^query$/,
    run: ({ company, visit }) => ({
      QueryResponse: runQuery(company, visit.query.get('query') ?? '', visit.pageFault),
    }),
  },
  { method: 'GET', rest: /^cdc$/, run: ({ company, visit }) => changedObjects(company, visit.query) },
  { method: 'POST', rest: /^batch$/, run: runBatch },
  {
    method: 'GET',
    rest: /^[a-z]+\/[^/]+$/,
    run({ company, rest, visit }) {
      const [name = '', id = ''] = rest.split('/');
      const entity = entityOf(name, visit.path);
      return { [entity]: readObject(company, entity, decodeURIComponent(id)) };
    },
  },
  {
    method: 'POST',
    rest: /^[a-z]+$/,
    run(request) {
      const { company, rest, visit } = request;
      const entity = entityOf(rest, visit.path);
      const operation = visit.query.get('operation') ?? 'write';
      return { [entity]: operate(company, entity, { operation, body: bodyOf(request) }) };
    },
  },
];

function entityOf(name: string, path: string): Entity {
  const entity = ENTITIES.find((one) => one.toLowerCase() === name.toLowerCase());
  if (entity === undefined) throw unsupported(path);
  return entity;
}

interface Operation {
  readonly operation: string;
  readonly body: WireObject;
}

function operate(company: Company, entity: Entity, { operation, body }: Operation): WireObject {
  if (operation === 'delete' || operation === 'void') {
    if (isNameEntity(entity)) throw unsupported(`/${entity.toLowerCase()}`);
    return operation === 'delete' ? deleteTransaction(company, entity, body) : voidTransaction(company, entity, body);
  }
  return writeObject(company, entity, body);
}

/** Items are run one after the other; a fault of one is its answer, and the others go on. */
function runBatch(request: CompanyRequest): object {
  const { company, visit } = request;
  const items = bodyOf(request)['BatchItemRequest'];
  if (!Array.isArray(items) || items.length === 0) throw invalidRequest('BatchItemRequest is missing.');
  if (items.length > MOST_ITEMS) throw invalidRequest(`A batch has at most ${MOST_ITEMS} items.`);
  const longest = visit.query.has('requestid') ? LONGEST_ITEM_ID : Infinity;
  const responses = (items as readonly WireObject[]).map((item) => {
    const id = String(item['bId']);
    if (id.length > longest) throw invalidRequest('bId is too long.');
    return { ...answerOf(company, item), bId: id };
  });
  return { BatchItemResponse: responses };
}

function answerOf(company: Company, item: WireObject): object {
  try {
    const query = item['Query'];
    if (typeof query === 'string') return { QueryResponse: runQuery(company, query) };
    const entity = ENTITIES.find((name) => name in item);
    if (entity === undefined) throw invalidRequest('The item has no entity.');
    const body = item[entity] as WireObject;
    const operation = String(item['operation']);
    return { [entity]: operate(company, entity, { operation, body }) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { Fault: (JSON.parse(error.reply.body) as { readonly Fault: object }).Fault };
  }
}
