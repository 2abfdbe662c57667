import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { INBOX_PARTITIONS, drainInboxWorkflowId } from '../../contracts/inbox.ts';
import { eventIdSql } from './event-ids.ts';
import type { IdOrder } from './event-ids.ts';
import { DRAINED_LIMIT_MS, HandledWatch, until, untilDrained, untilIdle } from './inbox-watch.ts';
import { cpuUsPerEvent, formatCpu, saturate, steady, takerOf, withSender } from './takers.ts';
import { HistoryReader } from '../support/history-cost.ts';
import { openLoop, percentile } from '../support/open-loop.ts';
import { cpuSeconds } from '../support/process-usage.ts';
import { load, round } from '../support/report.ts';
import { Venue } from '../support/venue.ts';
import type { Row } from '../support/report.ts';
import type { System } from '../support/system.ts';

export interface WholePath {
  readonly system: System;
  readonly sql: postgres.Sql;
  readonly seconds: number;
}

const STEADY_PER_SECOND = 500;
/** One event in so many is watched until it is handled. */
const WATCHED = 10;
const PULL_LIMIT_MS = 60_000;
const CONNECTED = 4;

/** Accounts that a venue each has connected and pulled customers from, so that events change records. */
export async function connectAccounts(system: System): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let index = 0; index < CONNECTED; index += 1) {
    const account = await system.stripe.addAccount();
    const venue = await Venue.create(system.api, account.secretKey);
    await venue.sync({ direction: 'pull', limitMs: PULL_LIMIT_MS });
    ids.push(account.id);
  }
  return ids;
}

/** From an acknowledgement until the customer that the event tells of is committed, and what it costs Temporal. */
export async function endToEnd({ system, sql, seconds }: WholePath, accounts: readonly string[]): Promise<Row[]> {
  await untilIdle(sql);
  const history = await HistoryReader.connect(system);
  const stop = new AbortController();
  const workflows = Array.from({ length: INBOX_PARTITIONS }, (_, partition) => drainInboxWorkflowId(partition));
  const watcher = postgres(system.databaseUrl, { max: 1, onnotice: () => undefined });
  const watch = new HandledWatch(watcher);
  try {
    const before = await countCustomers(sql);
    const firstMs = await withSender(takerOf(system), async ({ send }) => watch.tookMs(await send()), accounts);
    const { pids } = takerOf(system);
    const cpuBefore = cpuSeconds(pids);
    const heartbeats = workflows.map((id) => history.countHeartbeats(id, stop.signal).catch(() => 0));
    const tookMs: Promise<number>[] = [];
    const events = STEADY_PER_SECOND * seconds;
    const failed = await withSender(
      takerOf(system),
      async (sender) => {
        sender.prepare(events);
        const send = async (index: number): Promise<void> => {
          const id = await sender.send();
          if (index % WATCHED === 0) tookMs.push(watch.tookMs(id));
        };
        const samples = await openLoop({ perSecond: STEADY_PER_SECOND, seconds, send });
        return samples.filter((sample) => sample.failed).length;
      },
      accounts,
    );
    const latencies = await Promise.all(tookMs);
    await untilDrained(sql);
    const cpuUs = formatCpu(cpuUsPerEvent(pids, cpuBefore, events));
    await untilIdle(sql);
    stop.abort();
    const beats = (await Promise.all(heartbeats)).reduce((sum, count) => sum + count, 0);
    const customers = (await countCustomers(sql)) - before;
    return [
      latencyRow({ latencies, failed, events, customers, cpuUs }),
      {
        what: 'the first event after idle, to its effect',
        firstMs: round(firstMs),
        load: load(),
        goal: '≤ 300 ms',
        met: firstMs <= 300,
      },
      await actionsRow(history, workflows, { events, beats }),
    ];
  } finally {
    stop.abort();
    await Promise.all([history.close(), watcher.end()]);
  }
}

function latencyRow({
  latencies,
  failed,
  events,
  customers,
  cpuUs,
}: {
  readonly latencies: readonly number[];
  readonly failed: number;
  readonly events: number;
  readonly customers: number;
  readonly cpuUs: string;
}): Row {
  const p99Ms = percentile(latencies, 0.99);
  return {
    what: `from acknowledgement to a changed record at ${STEADY_PER_SECOND} a second`,
    p50Ms: round(percentile(latencies, 0.5)),
    p99Ms: round(p99Ms),
    events,
    customers,
    failed,
    cpuUs,
    load: load(),
    goal: 'p99 ≤ 100 ms, none failed',
    met: p99Ms <= 100 && failed === 0,
  };
}

/** Each partition's drainer has run once since the inbox was idle. */
async function actionsRow(
  history: HistoryReader,
  workflows: readonly string[],
  { events, beats }: { readonly events: number; readonly beats: number },
): Promise<Row> {
  let actions = beats;
  for (const id of workflows) actions += (await history.cost(id, { runId: null, heartbeats: 0 })).actions;
  const perThousand = (actions * 1_000) / events;
  return {
    what: 'Temporal actions for a thousand events, heartbeats included',
    actions: round(perThousand),
    events,
    load: load(),
    goal: '≤ 20',
    met: perThousand <= 20,
  };
}

async function countCustomers(sql: postgres.Sql): Promise<number> {
  const [row] = await sql<{ count: number }[]>`select count(*)::int as count from customers`;
  return row?.count ?? 0;
}

/**
 * Stops Temporal while events go on, and measures how fast events are handled from its return until all that had waited
 * by then are. Events go on to arrive, so that there never is a moment without one that waits.
 */
export async function withoutTemporal({ system, sql, seconds }: WholePath): Promise<Row> {
  await untilIdle(sql);
  const { temporal } = system.pids;
  process.kill(temporal, 'SIGSTOP');
  let away;
  try {
    away = await steady(takerOf(system), STEADY_PER_SECOND, seconds);
  } finally {
    process.kill(temporal, 'SIGCONT');
  }
  const before = await openEvents(sql);
  const startedAt = performance.now();
  const ended = new AbortController();
  const drained = drainedSince(sql, before, startedAt).finally(() => {
    ended.abort();
  });
  const isOver = () => ended.signal.aborted;
  let arrived = 0;
  while (!isOver()) {
    const { failed } = await steady(takerOf(system), STEADY_PER_SECOND, 0.2);
    arrived += isOver() ? 0 : STEADY_PER_SECOND * 0.2 - failed;
  }
  const { tookS, stillOpen, wokenMs } = await drained;
  const drainedPerSecond = (before.count + arrived - stillOpen) / tookS;
  return {
    what: `Temporal is stopped for ${seconds} s at ${STEADY_PER_SECOND} a second, which then go on`,
    p99Ms: away.p99Ms,
    failed: away.failed,
    waiting: before.count,
    wokenMs: round(wokenMs, 0),
    backlogS: round(tookS),
    drainedPerSecond: round(drainedPerSecond, 0),
    load: load(),
    goal: 'none failed, drained at ≥ 2 × arrival',
    met: away.failed === 0 && drainedPerSecond >= 2 * STEADY_PER_SECOND,
  };
}

interface Backlog {
  readonly count: number;
  /** When the newest was received, as the database tells it. */
  readonly until: string;
}

async function openEvents(sql: postgres.Sql): Promise<Backlog> {
  const [row] = await sql<Backlog[]>`
    select count(*)::int as count, coalesce(max(received_at), now())::text as until
    from webhook_events where state in ('waiting', 'retrying')`;
  return row ?? { count: 0, until: 'infinity' };
}

/** Resolves when all of the backlog are handled. `wokenMs` is when the first of them was. */
async function drainedSince(sql: postgres.Sql, { count, until: received }: Backlog, startedAt: number) {
  let wokenMs = NaN;
  let stillOpen = 0;
  await until(async () => {
    const [row] = await sql<{ open: number; waiting: number }[]>`
      select count(*)::int as open, (count(*) filter (where received_at <= ${received}::timestamptz))::int as waiting
      from webhook_events where state in ('waiting', 'retrying')`;
    if (!row) return false;
    if (Number.isNaN(wokenMs) && row.waiting < count) wokenMs = performance.now() - startedAt;
    stillOpen = row.open;
    return row.waiting === 0;
  }, DRAINED_LIMIT_MS);
  return { tookS: (performance.now() - startedAt) / 1_000, stillOpen, wokenMs };
}

/**
 * The rate of acknowledgements before and after the inbox has been filled with ids of earlier events, for ids in the order
 * of their time and at random.
 */
export async function largeInbox(path: WholePath, ids: number): Promise<readonly Row[]> {
  const { sql } = path;
  const few = { 'by-time': await acknowledged(path, 'by-time'), random: await acknowledged(path, 'random') };
  for (const order of ['by-time', 'random'] as const)
    await sql`
      insert into webhook_events (id, provider, endpoint, event_key, type, environment, external_account_id, partition, received_at, state, attempts, due_at)
      select (substr(retention_uuid_at(at)::text, 1, 14) || '7' || substr(gen_random_uuid()::text, 16))::uuid, 'stripe', 'app',
        ${sql.unsafe(eventIdSql(order))}, 'customer.updated', 'sandbox', 'acct_' || n % 1000, n % 4, at, 'applied', 1, at
      from generate_series(1, ${ids}) n, lateral (select now() - interval '60 days' + n * interval '50 milliseconds' as at)`;
  await sql`vacuum analyze webhook_events`;
  const rows: Row[] = [];
  for (const order of ['by-time', 'random'] as const) {
    await sql`checkpoint`;
    await sleep(1_000);
    const ours = await acknowledged(path, order);
    const ratio = ours / few[order];
    rows.push({
      what: `acknowledgements a second with ${ids} ids of each kind in the inbox against few, ids ${order}`,
      ours: round(ours, 0),
      theirs: round(few[order], 0),
      ratio: round(ratio),
      load: load(),
      goal: 'ratio ≥ 0.9',
      met: ratio >= 0.9,
    });
  }
  return rows;
}

async function acknowledged({ system, sql, seconds }: WholePath, ids: IdOrder): Promise<number> {
  const { perSecond } = await saturate({ ...takerOf(system), ids }, seconds);
  await untilDrained(sql);
  return perSecond;
}
