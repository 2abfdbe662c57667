import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { TypedSearchAttributes } from '@temporalio/common';
import postgres from 'postgres';
import { keywordAttributes } from '../domain/sync/search-attributes.ts';
import { KEEP_CONNECTION_FRESH, keepConnectionFreshWorkflowId } from '../contracts/connections.ts';
import type { KeepConnectionFreshInput } from '../contracts/connections.ts';
import type { ConnectionId, VenueId } from '../contracts/ids.ts';
import { ownerKeywords, ownerOptions } from '../domain/grants/connection-owner.ts';
import { actionsOf } from './support/history-cost.ts';
import { cpuSeconds, peakMib } from './support/process-usage.ts';
import { load, round } from './support/report.ts';
import { withFolder, withSystem } from './support/system.ts';
import { Venue } from './support/venue.ts';
import type { Row } from './support/report.ts';
import type { System } from './support/system.ts';

export interface IdleOptions {
  readonly connections: number;
  /** Duration without any requests. */
  readonly seconds: number;
}

type Owner = (input: KeepConnectionFreshInput) => Promise<unknown>;

const AT_ONCE = 50;
const SETTLE_LIMIT_MS = 15 * 60_000;
const ACTIONS_A_DAY_LIMIT = 5;
const DAY_S = 86_400;

/**
 * Measures the cost of idle connections with grants like QuickBooks', an hour old and due for refresh within the hour.
 */
export async function benchIdle({ connections: count, seconds }: IdleOptions): Promise<readonly Row[]> {
  return withFolder((home) =>
    withSystem({ home, requestsPerSecond: 100 }, async (system) => {
      const { secretKey } = await system.stripe.addAccount();
      const { id: venueId } = await Venue.create(system.api, secretKey);
      const connections = await insertGranted(system, venueId as VenueId, count);
      const connection = await Connection.connect({ address: system.temporal.address });
      const client = new Client({ connection, namespace: system.temporal.namespace });
      try {
        const startedAtMs = performance.now();
        await inTurn(connections, (one) =>
          client.workflow.start<Owner>(KEEP_CONNECTION_FRESH, {
            ...ownerOptions(one, 'QuickBooks'),
            typedSearchAttributes: new TypedSearchAttributes(keywordAttributes(ownerKeywords(one))),
          }),
        );
        const resting = await untilAtRest(client, connections);
        const settledS = (performance.now() - startedAtMs) / 1_000;
        const cpuBefore = cpuSeconds(system.pids);
        await sleep(seconds * 1_000);
        const cpuAfter = cpuSeconds(system.pids);
        const after = await look(client, connections);
        const cpuS = Object.fromEntries(
          ['worker', 'temporal', 'postgres'].map((name) => [
            `cpuS ${name}`,
            round((cpuAfter[name] ?? 0) - (cpuBefore[name] ?? 0), 1),
          ]),
        );
        const actionsADay = ((after.actions - resting.actions) / count / seconds) * DAY_S;
        const soonestS = Math.min(...after.wakesInS);
        return [
          {
            what: `${count} connections come to rest`,
            seconds: round(settledS, 1),
            actionsEach: round(resting.actions / count),
            workerPeakMib: round(peakMib(system.pids.worker), 0),
            temporalPeakMib: round(peakMib(system.pids.temporal), 0),
            load: load(),
            goal: null,
            met: null,
          },
          // The only timer is that of the next refresh, so nothing else can happen during the rest of the day.
          {
            what: `and are left alone for ${seconds} s`,
            actionsADay: round(actionsADay),
            nextWakeAfterS: `${round(soonestS, 0)} to ${round(Math.max(...after.wakesInS), 0)}`,
            ...cpuS,
            load: load(),
            goal: `< ${ACTIONS_A_DAY_LIMIT} actions a day, none before a refresh is due`,
            met: actionsADay < ACTIONS_A_DAY_LIMIT && soonestS > seconds,
          },
        ];
      } finally {
        await connection.close();
      }
    }),
  );
}

/**
 * Inserts rows as an OAuth attempt leaves them, but with dummy tokens, because nothing opens an idle connection's
 * tokens before its refresh.
 */
async function insertGranted(
  { databaseUrl }: System,
  venueId: VenueId,
  count: number,
): Promise<readonly KeepConnectionFreshInput[]> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => undefined });
  try {
    const rows = await sql.begin(async (tx) => {
      await tx`select set_config('app.venue_id', ${venueId}, true)`;
      const inserted = await tx<{ id: ConnectionId }[]>`
        insert into connections (id, venue_id, provider, environment, state, external_account_id, flow, next_refresh_at)
        select gen_random_uuid(), ${venueId}, 'quickbooks', 'sandbox', 'active', 'company-' || n, 'code', now() + interval '50 minutes' + n % 300 * interval '1 second'
        from generate_series(1, ${count}) n returning id`;
      await tx`
        insert into oauth_tokens (connection_id, venue_id, sealed_tokens, access_expires_at, refresh_expires_at, refresh_hard_expires_at)
        select id, venue_id, '\\x00', now() + interval '60 minutes', now() + interval '100 days', now() + interval '5 years'
        from connections where venue_id = ${venueId} and provider = 'quickbooks'`;
      return inserted;
    });
    return rows.map(({ id: connectionId }) => ({ venueId, connectionId, provider: 'quickbooks' }));
  } finally {
    await sql.end();
  }
}

interface Look {
  readonly actions: number;
  /** When each wakes by itself, in seconds from now. */
  readonly wakesInS: readonly number[];
  readonly atRest: boolean;
}

async function untilAtRest(client: Client, connections: readonly KeepConnectionFreshInput[]): Promise<Look> {
  const deadline = performance.now() + SETTLE_LIMIT_MS;
  for (;;) {
    const seen = await look(client, connections);
    if (seen.atRest) return seen;
    if (performance.now() > deadline) throw new Error('the connections do not come to rest');
    await sleep(2_000);
  }
}

async function look(client: Client, connections: readonly KeepConnectionFreshInput[]): Promise<Look> {
  const histories = await inTurn(
    connections,
    async ({ connectionId }) =>
      (await client.workflow.getHandle(keepConnectionFreshWorkflowId(connectionId)).fetchHistory()).events ?? [],
  );
  const timers = histories.map((events) => (events.at(-1)?.timerStartedEventAttributes ? events.at(-1) : undefined));
  return {
    actions: histories.flat().reduce((sum, event) => sum + actionsOf(event), 0),
    atRest: timers.every((timer) => timer !== undefined),
    wakesInS: timers.map(
      (timer) =>
        Number(timer?.eventTime?.seconds ?? 0) +
        Number(timer?.timerStartedEventAttributes?.startToFireTimeout?.seconds ?? 0) -
        Date.now() / 1_000,
    ),
  };
}

async function inTurn<Item, Result>(items: readonly Item[], work: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  for (let from = 0; from < items.length; from += AT_ONCE)
    results.push(...(await Promise.all(items.slice(from, from + AT_ONCE).map(work))));
  return results;
}
