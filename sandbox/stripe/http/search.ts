import { ALL_TIME } from '../../core/timeline.ts';
import { answer } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import { expandable, expandObject, lookupIn } from './expansion.ts';
import type { Plan } from './expansion.ts';
import { invalidRequest } from './failure.ts';
import { SHAPES, urlOf } from './objects.ts';
import type { Kind } from './objects.ts';
import { DEFAULT_LIMIT } from './paging.ts';
import { integer, list, missing, readForm, requiredText, text } from './params.ts';
import type { Reader } from './params.ts';
import { parseSearch } from './search-language.ts';
import type { SearchFields } from './search-language.ts';
import type { Row, Table } from './table.ts';

/**
 * Stripe's `total_count` is accurate only up to this number: https://docs.stripe.com/api/products/search (2026-11). The
 * sandbox stops counting there.
 */
const COUNTED_UP_TO = 10_000;

/** https://docs.stripe.com/search is eventually consistent: a write shows only after the sandbox's search delay. */
export function searching(kind: Kind, known: SearchFields): Endpoint {
  const spec = {
    query: requiredText(5_000),
    limit: integer({ min: 1, max: 100 }),
    page: text(500),
    expand: searchExpansion(kind),
  };
  return ({ state, account, params }) => {
    const { query, limit = DEFAULT_LIMIT, page, expand = { counts: false, plan: [] } } = readForm(params, spec);
    if (query === undefined) throw missing('query');
    const table = account.table(kind);
    const accepts = seenAs(table, {
      kind,
      seenSinceMs: state.clock.nowMs() - state.limits.searchDelayMs,
      matches: parseSearch(query, known),
    });
    const startingAfter =
      page === undefined ? undefined : pageStart(table.rows.get(Buffer.from(page, 'base64url').toString()));
    const found = table.rows.page({ limit, created: ALL_TIME, startingAfter, accepts });
    const nowSeconds = state.clock.nowSeconds();
    const lookup = lookupIn(account, nowSeconds);
    const data = found.items.map((row) =>
      expandObject(lookup, JSON.parse(table.json(row, nowSeconds)) as object, expand.plan),
    );
    const next = found.hasMore ? Buffer.from(found.items.at(-1)?.id ?? '').toString('base64url') : null;
    const total = expand.counts
      ? { total_count: table.rows.page({ limit: COUNTED_UP_TO, created: ALL_TIME, accepts }).items.length }
      : {};
    return answer(
      JSON.stringify({
        object: 'search_result',
        data,
        has_more: found.hasMore,
        next_page: next,
        ...total,
        url: `${urlOf(kind)}/search`,
      }),
    );
  };
}

/** `expand[]` of a search: `total_count`, or fields of the found objects. */
function searchExpansion(kind: Kind): Reader<{ readonly counts: boolean; readonly plan: Plan }> {
  const names = list(text(255), 20);
  const fields = expandable(kind, { within: 'data.' });
  return (value, param) => {
    const counts = names(value, param).includes('total_count');
    const rest = typeof value === 'string' ? value : new Map([...value].filter(([, name]) => name !== 'total_count'));
    return { counts, plan: fields(rest, param) };
  };
}

interface Sight {
  readonly kind: Kind;
  readonly seenSinceMs: number;
  readonly matches: ReturnType<typeof parseSearch>;
}

function seenAs<F>(table: Table<F>, { kind, seenSinceMs, matches }: Sight): (row: Row<F>) => boolean {
  return (row) => {
    if (!table.isSeenBySearch(row, seenSinceMs)) return false;
    const object = () =>
      SHAPES[kind].render(table.seenBySearch(row, seenSinceMs) as never, 0) as Readonly<Record<string, unknown>>;
    return matches({ created: row.created, object });
  };
}

function pageStart<F>(row: Row<F> | undefined): Row<F> {
  if (!row) throw invalidRequest('Invalid page: it does not come from an earlier search.', { param: 'page' });
  return row;
}
