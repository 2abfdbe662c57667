import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { metricValue } from '../../support/metrics.ts';
import { aToken, createApiWorld } from '../api-world.ts';
import type { AnswerBody, ApiWorld } from '../api-world.ts';

/** Rows as large as no caller of ours makes them: a provider, a worker or a person at the database may. */
const ROWS = 100;
const KIB_OF_A_ROW = 100;
const RICH = 'x'.repeat(KIB_OF_A_ROW * 1_024);
const MAX_BYTES = 5 * 1_048_576;

let api: ApiWorld;
let venueId: VenueId;
beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());
beforeEach(async () => {
  venueId = await api.aVenue();
});

const ids = () => Array.from({ length: ROWS }, () => uuidv7());
const cutPages = () => metricValue('interlock_limits_total', { limit: 'page-cut' });

async function aConnection(): Promise<string> {
  const id = uuidv7();
  await api.database.admin`
    insert into connections (id, venue_id, provider, environment, state, external_account_id)
    values (${id}, ${venueId}, 'stripe', 'sandbox', 'active', ${id})`;
  return id;
}
async function aDryRun(): Promise<string> {
  const id = uuidv7();
  await api.database.admin`
    insert into sync_runs (id, venue_id, connection_id, provider, resource, direction, mode, dry_run, phase, outcome, workflow_id, requested_by, finished_at)
    values (${id}, ${venueId}, ${await aConnection()}, 'stripe', 'customers', 'pull', 'full', true, 'finished', 'completed', 'w', 'x', now())`;
  return id;
}

interface RichList {
  readonly path: string;
  readonly token?: string;
  /** What identifies an entry, in the order of the list. */
  readonly expected: readonly string[];
  readonly keyOf?: (entry: AnswerBody) => string;
}

const NO_SUM = { count: 0, amountMinor: '0' };

const idOf = ({ id }: AnswerBody): string => id;

/** Every list with pages but those of records, each with rich rows. */
const LISTS: Readonly<Record<string, () => Promise<RichList>>> = {
  connections: async () => {
    const expected = ids();
    await api.database.admin`
      insert into connections (id, venue_id, provider, environment, state, external_account_id, account_name)
      select id::uuid, ${venueId}, 'stripe', 'sandbox', 'active', id, ${RICH} from unnest(${expected}::text[]) id`;
    return { path: `/v1/venues/${venueId}/connections`, expected };
  },
  syncs: async () => {
    const expected = ids();
    await api.database.admin`
      insert into sync_runs (id, venue_id, connection_id, provider, resource, direction, mode, phase, outcome, workflow_id, requested_by, error, finished_at)
      select id::uuid, ${venueId}, ${await aConnection()}, 'stripe', 'customers', 'pull', 'full', 'finished', 'failed', 'w', 'x',
        jsonb_build_object('code', 'internal', 'message', ${RICH}::text, 'nextAction', ''), now() from unnest(${expected}::text[]) id`;
    return { path: `/v1/venues/${venueId}/syncs`, expected: expected.toReversed() };
  },
  'the log of a run': async () => {
    const expected = ids();
    const syncId = await aDryRun();
    await api.database.admin`
      insert into sync_logs (venue_id, sync_id, level, action, source_id, message)
      select ${venueId}, ${syncId}, 'info', 'note', id, ${RICH} from unnest(${expected}::text[]) with ordinality u(id, place) order by place`;
    return { path: `/v1/venues/${venueId}/syncs/${syncId}/log`, expected, keyOf: ({ sourceId }) => sourceId };
  },
  'the plan of a run': async () => {
    const expected = ids();
    const syncId = await aDryRun();
    await api.database.admin`
      insert into sync_plan_items (venue_id, sync_id, key, action, source_id, detail)
      select ${venueId}, ${syncId}, id, 'reject', id, ${RICH} from unnest(${expected}::text[]) with ordinality u(id, place) order by place`;
    return { path: `/v1/venues/${venueId}/syncs/${syncId}/plan/items`, expected, keyOf: ({ sourceId }) => sourceId };
  },
  'the audit trail': async () => {
    const expected = ids();
    await api.database.admin`
      insert into audit_log (id, venue_id, actor, action, target_type, target_id, outcome, details)
      select id::uuid, ${venueId}, 'x', 'venue.changed', 'venue', id, 'ok', jsonb_build_object('text', ${RICH}::text) from unnest(${expected}::text[]) id`;
    return { path: `/v1/venues/${venueId}/audit`, expected: expected.toReversed() };
  },
  conflicts: async () => {
    const expected = ids();
    await api.database.admin`
      insert into merge_conflicts (id, venue_id, connection_id, resource, record_id, source_id, kind, fields)
      select id::uuid, ${venueId}, ${await aConnection()}, 'customers', id::uuid, id, 'fields',
        jsonb_build_array(jsonb_build_object('field', 'name', 'agreed', null, 'venue', ${RICH}::text, 'provider', null)) from unnest(${expected}::text[]) id`;
    return { path: `/v1/venues/${venueId}/conflicts`, expected: expected.toReversed() };
  },
  'dead letters': async () => {
    const expected = ids();
    await api.database.admin`
      insert into dead_letters (id, venue_id, connection_id, source, source_key, code, message, history)
      select id::uuid, ${venueId}, ${await aConnection()}, 'record', id, 'rejected', ${RICH}, '[]' from unnest(${expected}::text[]) id`;
    return { path: `/v1/venues/${venueId}/dead-letters`, expected: expected.toReversed() };
  },
  reconciliations: async () => {
    const expected = ids();
    const total = { day: '2026-01-01', kind: RICH, currency: 'EUR', here: NO_SUM, there: NO_SUM };
    await api.database.admin`
      insert into reconciliations (id, venue_id, connection_id, provider, from_day, to_day, time_zone, phase, outcome, totals, workflow_id, requested_by, started_at, finished_at)
      select id::uuid, ${venueId}, ${await aConnection()}, 'stripe', '2026-01-01', '2026-01-01', 'UTC', 'finished', 'completed',
        ${api.database.admin.json([total])}, 'w', 'x', now(), now() from unnest(${expected}::text[]) id`;
    return { path: `/v1/venues/${venueId}/reconciliations`, expected: expected.toReversed() };
  },
  'discrepancies of a reconciliation': async () => {
    const expected = ids();
    const id = uuidv7();
    await api.database.admin`
      insert into reconciliations (id, venue_id, connection_id, provider, from_day, to_day, time_zone, phase, outcome, workflow_id, requested_by, started_at, finished_at)
      values (${id}, ${venueId}, ${await aConnection()}, 'stripe', '2026-01-01', '2026-01-01', 'UTC', 'finished', 'completed', 'w', 'x', now(), now())`;
    await api.database.admin`
      insert into discrepancies (id, reconciliation_id, venue_id, kind, differs, day, external_id, problem)
      select id::uuid, ${id}, ${venueId}, 'missing-here', '[]', '2026-01-01', id, jsonb_build_object('code', 'x', 'message', ${RICH}::text) from unnest(${expected}::text[]) id`;
    return { path: `/v1/venues/${venueId}/reconciliations/${id}/discrepancies`, expected };
  },
  'events of providers': async () => {
    const expected = ids();
    const connectionId = await aConnection();
    await api.database.admin`
      insert into webhook_events (id, provider, endpoint, event_key, type, environment, external_account_id, partition, received_at)
      select id::uuid, 'stripe', 'app', id, ${RICH}, 'sandbox', ${connectionId}, 0, now() + interval '1 minute' from unnest(${expected}::text[]) id`;
    return { path: `/v1/venues/${venueId}/events`, expected: expected.toReversed() };
  },
  subscriptions: async () => {
    const expected = ids();
    await api.database.admin`
      insert into subscriptions (id, venue_id, url) select id::uuid, ${venueId}, ${RICH} from unnest(${expected}::text[]) id`;
    return { path: `/v1/venues/${venueId}/subscriptions`, expected: expected.toReversed() };
  },
  'deliveries of a subscription': async () => {
    const expected = ids();
    const id = uuidv7();
    await api.database
      .admin`insert into subscriptions (id, venue_id, url) values (${id}, ${venueId}, 'https://a.example')`;
    await api.database.admin`
      insert into outgoing_messages (id, venue_id, type, data)
      select id::uuid, ${venueId}, 'sync.finished', jsonb_build_object('text', ${RICH}::text) from unnest(${expected}::text[]) id`;
    await api.database.admin`
      insert into deliveries (subscription_id, message_id, venue_id, state)
      select ${id}, id::uuid, ${venueId}, 'delivered' from unnest(${expected}::text[]) id`;
    return { path: `/v1/venues/${venueId}/subscriptions/${id}/deliveries`, expected: expected.toReversed() };
  },
  venues: async () => {
    const expected = ids();
    await api.database.admin`
      insert into venues (id, name, time_zone, currency) select id::uuid, ${RICH}, 'UTC', 'EUR' from unnest(${expected}::text[]) id`;
    return { path: '/v1/venues', token: await aToken({ venues: expected }), expected };
  },
};

describe('a page of a list with rich rows', () => {
  it.each(Object.entries(LISTS))(
    'ends before 5 MB, and its cursor goes on where it ended: %s',
    async (_name, fill) => {
      const { path, token, expected, keyOf = idOf } = await fill();
      const before = await cutPages();
      const pages: AnswerBody[] = [];
      for (let cursor: string | null = ''; cursor !== null; cursor = pages.at(-1)?.nextCursor ?? null) {
        const page = await api.send('GET', `${path}?limit=200${cursor === '' ? '' : `&cursor=${cursor}`}`, {
          ...(token !== undefined && { token }),
        });
        expect(page.status).toBe(200);
        expect(Buffer.byteLength(page.text)).toBeLessThan(MAX_BYTES);
        pages.push(page.json);
      }
      expect(pages.length).toBeGreaterThan(1);
      expect(pages.flatMap(({ data }) => data.map(keyOf))).toEqual(expected);
      expect(await cutPages()).toBe(before + pages.length - 1);
    },
    30_000,
  );

  it('is tried for every operation that answers pages', () => {
    const paged = api.endpoints
      .filter(
        ({ name, method, query }) =>
          method === 'get' &&
          name.startsWith('list') &&
          'cursor' in ((query as unknown as { readonly shape?: object }).shape ?? {}),
      )
      .map(({ name }) => name);
    const tried = [
      ...['listConnections', 'listSyncs', 'listSyncLog', 'listSyncPlanItems', 'listAudit', 'listVenues'],
      ...['listConflicts', 'listReconciliations', 'listDiscrepancies', 'listEvents', 'listDeadLetters'],
      ...['listSubscriptions', 'listDeliveries'],
    ];
    const records = ['listProducts', 'listCustomers', 'listInventory', 'listTransactions', 'listInvoices'];
    expect(paged.sort()).toEqual([...tried, ...records].sort());
  });
});

it('a summary of more sums than an answer has room for is refused with what to ask for instead', async () => {
  await api.database.admin`
    insert into transactions (id, venue_id, source_id, kind, occurred_at, amount_minor, currency, status)
    select gen_random_uuid(), ${venueId}, day || '/' || currency, 'payment', '2026-01-01T12:00:00Z'::timestamptz + day * interval '1 day', 1,
      chr(65 + currency / 26) || chr(65 + currency % 26) || 'X', 'succeeded'
    from generate_series(0, 99) day, generate_series(0, 200) currency`;
  const path = `/v1/venues/${venueId}/transactions/summary?from=2026-01-01`;
  expect(await api.send('GET', `${path}&to=2026-04-10`)).toMatchObject({
    status: 422,
    json: { code: 'summary-too-large' },
  });
  const answer = await api.send('GET', `${path}&to=2026-04-09`);
  expect(answer.json.data).toHaveLength(99 * 201);
  expect(Buffer.byteLength(answer.text)).toBeLessThan(MAX_BYTES);
}, 30_000);
