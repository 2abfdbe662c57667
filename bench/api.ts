import { existsSync, readFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import postgres from 'postgres';
import { z } from 'zod';
import { until } from '../test/support/eventually.ts';
import { withBuilds } from './support/builds.ts';
import { agree } from './push.ts';
import { openLoop, percentile } from './support/open-loop.ts';
import { load, round } from './support/report.ts';
import type { Build } from './support/builds.ts';
import type { Sample } from './support/open-loop.ts';
import type { Row } from './support/report.ts';
import type { System } from './support/system.ts';
import type { Venue } from './support/venue.ts';

export interface ApiOptions {
  readonly perSecond: number;
  readonly seconds: number;
  readonly records: number;
  readonly connections: number;
  /** Runs per connection, except the first. */
  readonly syncsEach: number;
  readonly repeats: number;
  /** Another checkout, with its packages installed, that is measured in turn with this one; null: this one alone. */
  readonly against: string | null;
}

const WARM_UP_S = 5;
const GOAL_MS = 25;
const page = z.object({ data: z.array(z.object({ id: z.string() })), nextCursor: z.string().nullable() });

/**
 * Reads lists and single items in turn at a fixed total rate, from a venue that has some of everything. With another
 * checkout, each repeat measures one build after the other.
 */
export async function benchApi(options: ApiOptions): Promise<readonly Row[]> {
  return withBuilds({ against: options.against, requestsPerSecond: 2_000 }, async (builds) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 256 });
    try {
      const stages: Stage[] = [];
      for (const build of builds) stages.push(await prepareStage(build, { options, agent }));
      for (const { send } of stages) await openLoop({ perSecond: options.perSecond, seconds: WARM_UP_S, send });
      const rows: Row[] = [];
      for (let repeat = 1; repeat <= options.repeats; repeat += 1)
        for (const stage of stages) rows.push(...(await measureStage(stage, { options, repeat })));
      return rows;
    } finally {
      agent.destroy();
    }
  });
}

interface Stage extends Build {
  readonly targets: readonly Target[];
  readonly send: (index: number) => Promise<void>;
}

async function prepareStage(build: Build, { options, agent }: { options: ApiOptions; agent: Agent }): Promise<Stage> {
  const targets = await prepare(build.system, options);
  return { ...build, targets, send: sender(build.system, { agent, paths: targets.map(({ path }) => path) }) };
}

async function measureStage(
  { name, system, targets, send }: Stage,
  { options, repeat }: { options: ApiOptions; repeat: number },
): Promise<readonly Row[]> {
  const cpuBefore = cpuMs(system.pids.api);
  const samples = await openLoop({ ...options, send });
  const cpuMsEach = round((cpuMs(system.pids.api) - cpuBefore) / samples.length);
  const build = options.against === null ? '' : `${name}, `;
  const suffix = options.repeats === 1 ? '' : `, run ${repeat}`;
  const rows = targets.map(({ what }, index) =>
    toRow(
      `${build}${what}${suffix}`,
      samples.filter((sample) => sample.index % targets.length === index),
    ),
  );
  return [...rows, { ...toRow(`${build}all at ${options.perSecond}/s${suffix}`, samples), cpuMsEach }];
}

interface Target {
  readonly what: string;
  readonly path: string;
}

async function prepare(system: System, { records, connections, syncsEach }: ApiOptions): Promise<readonly Target[]> {
  const venue = await agree(system, records);
  const others: Venue[] = [];
  for (let index = 1; index < connections; index += 1)
    others.push(await venue.connect((await system.stripe.addAccount()).secretKey));
  // Pulls of empty accounts, one at a time per account: short runs that fill the list.
  await Promise.all(
    others.map(async (other) => {
      for (let index = 0; index < syncsEach; index += 1) await other.sync({ direction: 'pull', limitMs: 60_000 });
    }),
  );
  await untilAnalysed(system);
  return targetsOf(system, venue);
}

/**
 * Waits until autovacuum has analysed the loaded tables, which takes a minute or two. Until then Postgres plans as if
 * the tables were small.
 */
async function untilAnalysed({ databaseUrl }: System): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1 });
  const unknown = () =>
    sql`select 1 from pg_stat_user_tables where relname in ('customers', 'record_links') and last_autoanalyze is null`;
  try {
    await until(async () => (await unknown()).length === 0, {
      limitMs: 180_000,
      what: 'Postgres has analysed its tables',
      everyMs: 1_000,
    });
  } finally {
    await sql.end();
  }
}

async function targetsOf({ api }: System, venue: Venue): Promise<readonly Target[]> {
  const base = `/v1/venues/${venue.id}`;
  const lists = [
    ['customers', `${base}/records/customers`],
    ['connections', `${base}/connections`],
    ['syncs', `${base}/syncs`],
  ] as const;
  const targets = await Promise.all(
    lists.map(async ([name, path]) => {
      const { data, nextCursor } = page.parse(await api.get(path));
      const next =
        nextCursor === null
          ? []
          : [{ what: `list ${name}, next page`, path: `${path}?cursor=${encodeURIComponent(nextCursor)}` }];
      return [
        { what: `list ${name} (${data.length})`, path },
        ...next,
        { what: `get one of ${name}`, path: `${path}/${data[0]?.id ?? ''}` },
      ];
    }),
  );
  return targets.flat();
}

function sender(
  { apiUrl, token }: System,
  { agent, paths }: { agent: Agent; paths: readonly string[] },
): (index: number) => Promise<void> {
  const headers = { authorization: `Bearer ${token}` };
  return (index) =>
    new Promise((resolve, reject) => {
      const request = get(
        `${apiUrl}${paths[index % paths.length] ?? ''}`,
        { agent, headers, timeout: 10_000 },
        (response) => {
          response.resume();
          response.once('error', reject);
          response.once('end', () => {
            if (response.statusCode === 200) resolve();
            else reject(new Error(`status ${response.statusCode ?? 'none'}`));
          });
        },
      );
      request.once('error', reject);
      request.once('timeout', () => {
        request.destroy(new Error('no answer'));
      });
    });
}

function toRow(what: string, samples: readonly Sample[]): Row {
  const latencies = samples.map(({ latencyMs }) => latencyMs);
  const p95 = percentile(latencies, 0.95);
  const failed = samples.filter((sample) => sample.failed).length;
  return {
    what,
    requests: samples.length,
    failed,
    p50Ms: round(percentile(latencies, 0.5)),
    p95Ms: round(p95),
    p99Ms: round(percentile(latencies, 0.99)),
    maxMs: round(Math.max(...latencies)),
    load: load(),
    goal: `p95 ≤ ${GOAL_MS} ms`,
    met: p95 <= GOAL_MS && failed === 0,
  };
}

/**
 * CPU time that a process has used, in steps of 10 ms; NaN without /proc. proc(5): fields 14 and 15, counted after the
 * name.
 */
function cpuMs(pid: number): number {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return Number.NaN;
  const fields = readFileSync(file, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
