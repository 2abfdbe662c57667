import { Refusal } from '../../oauth/exchange.ts';
import { accountingFault } from '../errors.ts';
import { ENTITIES, textIn } from '../state/quickbooks-state.ts';
import type { Company, Entity, WireObject } from '../state/quickbooks-state.ts';
import { missing } from './faults.ts';

/**
 * Change data capture reaches back 30 days and answers at most 1,000 objects over all entities, without further pages
 * (https://developer.intuit.com/app/developer/qbo/docs/learn/explore-the-quickbooks-online-api/change-data-capture, 2026-11).
 */
const REACH_MS = 30 * 86_400_000;
const MOST_OBJECTS = 1_000;

/** What changed of the entities since then, with what was deactivated and what was deleted. Throws a `Refusal`. */
export function changedObjects(company: Company, query: URLSearchParams): object {
  const names = (query.get('entities') ?? '').split(',').map((name) => name.trim());
  const entities = names.flatMap(
    (name) => ENTITIES.find((entity) => entity.toLowerCase() === name.toLowerCase()) ?? [],
  );
  if (entities.length === 0 || entities.length < names.length) throw missing('entities');
  const sinceMs = Date.parse(query.get('changedSince') ?? '');
  if (Number.isNaN(sinceMs)) throw missing('changedSince');
  if (sinceMs < company.nowMs - REACH_MS) throw tooOld();
  let room = MOST_OBJECTS;
  const responses = entities.map((entity) => {
    const changed = changedOf(company, entity, sinceMs).slice(0, room);
    room -= changed.length;
    return changed.length === 0 ? {} : { [entity]: changed, startPosition: 1, maxResults: changed.length };
  });
  return { CDCResponse: [{ QueryResponse: responses }] };
}

function changedOf({ state, id: company }: Company, entity: Entity, sinceMs: number): readonly WireObject[] {
  const deleted = state
    .list(company, 'tombstones')
    .filter((tombstone) => tombstone['entity'] === entity)
    .map(({ entity: _entity, ...tombstone }) => tombstone);
  return [...state.list(company, entity), ...deleted].filter(
    (object) => Date.parse(textIn(object, 'MetaData', 'LastUpdatedTime') ?? '') >= Math.floor(sinceMs / 1_000) * 1_000,
  );
}

/** The code is the stand-in's assumption. */
const tooOld = (): Refusal =>
  new Refusal(
    accountingFault(400, {
      code: '2030',
      message: 'Invalid ID',
      detail: 'changedSince must not be more than 30 days ago.',
    }),
  );
