import { expandable, expandableInList, expandObject, lookupIn } from './expansion.ts';
import type { Plan } from './expansion.ts';
import type { Timeline } from '../../core/timeline.ts';
import { Draft } from '../state/draft.ts';
import type { Objekt } from '../state/draft.ts';
import { answer } from './endpoint.ts';
import type { ApiCall, Endpoint, Outcome } from './endpoint.ts';
import { given } from '../../core/given.ts';
import { failureBody, noSuch } from './failure.ts';
import type { Failure } from './failure.ts';
import { urlOf } from './objects.ts';
import type { FieldsOf, Kind } from './objects.ts';
import { listPage, pagingSpec } from './paging.ts';
import { readForm } from './params.ts';
import type { Reader } from './params.ts';
import type { Row } from './table.ts';

/** A parameter that narrows a list, through an index of the kind or by testing each object. */
export type Filter<F> =
  | { readonly read: Reader<string>; readonly key: string }
  | {
      readonly read: Reader<unknown>;
      /** The default value. */ readonly unsent?: unknown;
      readonly accepts: (object: { readonly id: string; readonly fields: F }, value: unknown) => boolean;
    };

/** A filter that compares a field with the parameter. */
export function equal<F, T>(read: Reader<T>, value: (fields: F) => T | null): Filter<F> {
  return { read, accepts: ({ fields }, wanted) => value(fields) === wanted };
}

/** `GET /v1/<kind>`: newest first, filtered by `created` and the kind's own filters. */
export function listing<K extends Kind>(
  kind: K,
  filters: Readonly<Record<string, Filter<FieldsOf[K]>>> = {},
): Endpoint {
  const readers = Object.fromEntries(Object.entries(filters).map(([name, { read }]) => [name, read]));
  const unsent = Object.fromEntries(
    Object.entries(filters).flatMap(([name, filter]) => ('unsent' in filter ? [[name, filter.unsent]] : [])),
  );
  const spec = { ...readers, ...pagingSpec, expand: expandableInList(kind) };
  return (call) => {
    const {
      limit,
      starting_after,
      ending_before,
      created,
      expand = [],
      ...wanted
    } = readForm(call.params, spec) as ListQuery;
    const table = call.account.table(kind);
    const tests: ((row: Row<FieldsOf[K]>) => boolean)[] = [];
    let items: Timeline<Row<FieldsOf[K]>> = table.rows;
    for (const [name, value] of Object.entries({ ...unsent, ...wanted })) {
      const filter = filters[name];
      if (!filter || value === undefined) continue;
      if ('accepts' in filter) tests.push((row) => filter.accepts(table.stored(row), value));
      else {
        const found = table.indexed(filter.key, value as string);
        const wider = items;
        // With two indexes, walk the smaller one and test membership in the other.
        if (found.size <= wider.size) {
          if (wider !== table.rows) tests.push((row) => wider.get(row.id) !== undefined);
          items = found;
        } else tests.push((row) => found.get(row.id) !== undefined);
      }
    }
    const nowSeconds = call.state.clock.nowSeconds();
    const json = (row: Row<FieldsOf[K]>) => table.json(row, nowSeconds);
    const lookup = lookupIn(call.account, nowSeconds);
    const of = {
      items,
      all: table.rows,
      kind,
      url: urlOf(kind),
      accepts: tests.length === 0 ? undefined : (row: Row<FieldsOf[K]>) => tests.every((test) => test(row)),
      render:
        expand.length === 0
          ? json
          : (row: Row<FieldsOf[K]>) => JSON.stringify(expandObject(lookup, JSON.parse(json(row)) as object, expand)),
      fault: call.pageFault,
    };
    return answer(listPage(of, given({ limit, starting_after, ending_before, created })));
  };
}

type ListQuery = Parameters<typeof listPage>[1] & { readonly expand?: Plan } & Readonly<Record<string, unknown>>;

/** `GET /v1/<kind>/<id>`. */
export function retrieval(kind: Kind): Endpoint {
  const spec = { expand: expandable(kind) };
  return (call) => {
    const { expand = [] } = readForm(call.params, spec);
    const table = call.account.table(kind);
    const row = table.rows.get(call.id);
    if (!row) throw noSuch(kind, call.id, 'id');
    const nowSeconds = call.state.clock.nowSeconds();
    const json = table.json(row, nowSeconds);
    return answer(
      expand.length === 0
        ? json
        : JSON.stringify(expandObject(lookupIn(call.account, nowSeconds), JSON.parse(json) as object, expand)),
    );
  };
}

/** The object of the path. Throws a 404 `Failure` when it does not exist. */
export function subject<K extends Kind>(call: ApiCall, draft: Draft, kind: K): Objekt<K> {
  const object = draft.find(kind, call.id);
  if (!object) throw noSuch(kind, call.id, 'id');
  return object;
}

/** An object that a parameter names. Throws a 400 `Failure` when it does not exist. */
export function named<K extends Kind>(
  draft: Draft,
  kind: K,
  { id, param }: { readonly id: string; readonly param: string },
): Objekt<K> {
  const object = draft.find(kind, id);
  if (!object) throw noSuch(kind, id, param);
  return object;
}

interface Wrote<K extends Kind> {
  readonly object: Objekt<K>;
  readonly expand?: Plan | undefined;
  /** Answered instead of the object although something was written, as for a declined payment. */
  readonly refusal?: Failure | undefined;
}

/** An endpoint that writes: runs on a draft, then answers with the written object. */
export function writing<K extends Kind>(kind: K, run: (call: ApiCall, draft: Draft) => Wrote<K>): Endpoint {
  return (call) => {
    const draft = new Draft(call);
    const { object, expand = [], refusal } = run(call, draft);
    if (refusal) return { status: refusal.status, body: failureBody(refusal, call.requestId), changes: draft.changes };
    return written(draft, { kind, object, expand });
  };
}

/** The answer to a write, with its object expanded as of after the commit. */
export function written<K extends Kind>(
  draft: Draft,
  { kind, object, expand }: { readonly kind: K; readonly object: Objekt<K>; readonly expand: Plan },
): Outcome {
  const plain = draft.render(kind, object);
  const body = expand.length === 0 ? plain : expandObject(draft, structuredClone(plain), expand);
  return { body: JSON.stringify(body), changes: draft.changes };
}
