import type { PageFault } from '../../core/faults.ts';
import { badRequest } from '../errors.ts';
import { ID_OF, msOf } from '../state/xero-state.ts';
import type { Entity, Organisation, WireObject } from '../state/xero-state.ts';
import type { OrganisationRequest } from './endpoint.ts';

const DEFAULT_PAGE_SIZE = 100;
/** Larger sizes are taken for this one without a word. */
const MOST_PER_PAGE = 1_000;
/** The length of addresses ends a list of ids (https://github.com/XeroAPI/Xero-Java/pull/331, 2026-11). */
const LONGEST_QUERY = 2_000;

/** What of a collection a request asks for: with `If-Modified-Since`, `IDs` and `where`, by the time of the last change. */
export function wantedOf(
  { organisation, visit }: Pick<OrganisationRequest, 'organisation' | 'visit'>,
  entity: Entity,
): readonly WireObject[] {
  if (visit.query.toString().length > LONGEST_QUERY)
    throw badRequest('QueryParseException', 'The query string is too long.');
  const since = sinceOf(visit.headers['if-modified-since']);
  const ids = visit.query
    .get('IDs')
    ?.split(',')
    .map((id) => id.toLowerCase());
  const conditions = conditionsOf(visit.query.get('where'));
  return organisation.state
    .list(organisation.id, entity)
    .filter((object) => (since === null ? true : msOf(object['UpdatedDateUTC']) >= since))
    .filter((object) => ids?.includes(String(object[ID_OF[entity]]).toLowerCase()) ?? true)
    .filter((object) => conditions.every((holds) => holds(object)))
    .sort((one, other) => byChange(one, other, ID_OF[entity]));
}

function byChange(one: WireObject, other: WireObject, id: string): number {
  const apart = msOf(one['UpdatedDateUTC']) - msOf(other['UpdatedDateUTC']);
  return apart !== 0 ? apart : String(one[id]) < String(other[id]) ? -1 : 1;
}

/** Whole seconds, also where milliseconds are given. */
function sinceOf(header: string | undefined): number | null {
  if (header === undefined) return null;
  const ms = msOf(header);
  if (Number.isNaN(ms)) throw badRequest('QueryParseException', 'If-Modified-Since is no date.');
  return Math.floor(ms / 1_000) * 1_000;
}

type Condition = (object: WireObject) => boolean;

/**
 * The part of the filter language that is used here: `Name=="…"`, `ItemID==guid("…")`, and days compared with
 * `DateTime(y,m,d)`, joined by OR or by AND
 * (https://developer.xero.com/documentation/api/accounting/requests-and-responses, 2026-11).
 */
function conditionsOf(where: string | null): readonly Condition[] {
  if (where === null || where === '') return [];
  const anyOf = where.split(/\s+OR\s+|\s*\|\|\s*/i);
  if (anyOf.length === 1) return where.split(/\s+AND\s+|\s*&&\s*/i).map(conditionOf);
  const conditions = anyOf.map(conditionOf);
  return [(object) => conditions.some((holds) => holds(object))];
}

function conditionOf(text: string): Condition {
  const [, name = '', value] = /^\s*(\w+)\s*==\s*(?:guid\()?"([^"]*)"\)?\s*$/i.exec(text) ?? [];
  if (value !== undefined) return (object) => object[name] === value;
  const [, field = '', sign, year, month, day] =
    /^\s*(\w+)\s*(>=|<=|>|<)\s*DateTime\((\d{4}),\s*(\d{1,2}),\s*(\d{1,2})\)\s*$/.exec(text) ?? [];
  if (sign === undefined) throw badRequest('QueryParseException', 'The where clause cannot be read.');
  const at = Date.UTC(Number(year), Number(month) - 1, Number(day));
  return (object) => compares(msOf(object[field]), sign, at);
}

function compares(value: number, sign: string, at: number): boolean {
  if (sign === '>=') return value >= at;
  if (sign === '<=') return value <= at;
  return sign === '>' ? value > at : value < at;
}

export interface Paged {
  readonly objects: readonly WireObject[];
  /** Undefined without `page`: then the whole collection is answered. */
  readonly pagination: object | undefined;
}

/** The page that a request asks for; everything without `page`. */
export function pageOf({ visit }: Pick<OrganisationRequest, 'visit'>, objects: readonly WireObject[]): Paged {
  const asked = visit.query.get('page');
  if (asked === null) return { objects, pagination: undefined };
  const page = Math.max(1, Math.floor(Number(asked)) || 1);
  const pageSize = Math.min(
    MOST_PER_PAGE,
    Math.max(1, Math.floor(Number(visit.query.get('pageSize') ?? DEFAULT_PAGE_SIZE)) || DEFAULT_PAGE_SIZE),
  );
  const pagination = {
    page,
    pageSize,
    pageCount: Math.ceil(objects.length / pageSize),
    itemCount: objects.length,
  };
  const { from, to } = rangeOf((page - 1) * pageSize, pageSize, visit.pageFault);
  return { objects: objects.slice(from, to), pagination };
}

function rangeOf(from: number, pageSize: number, fault: PageFault | null) {
  if (fault === 'page-repeat') return { from: Math.max(0, from - pageSize), to: Math.max(pageSize, from) };
  if (fault === 'page-skip') return { from: from + pageSize, to: from + 2 * pageSize };
  return { from, to: from + (fault === 'page-shrink' ? Math.ceil(pageSize / 2) : pageSize) };
}

/** The object of a path, by its id or by one of the unique properties that Xero takes in its place. */
export function findOne(
  { state, id: organisation }: Organisation,
  entity: Entity,
  { key, alias }: { readonly key: string; readonly alias: string | null },
): WireObject | undefined {
  const wanted = key.toLowerCase();
  return (
    state.get(organisation, entity, wanted) ??
    (alias === null ? undefined : state.list(organisation, entity).find((object) => object[alias] === key))
  );
}
