import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { providerByConsent } from '../../checks/provider-by-consent.ts';
import { ATTACKS, makeRichRecords } from './attacks.ts';
import { openLoop, percentile } from '../support/open-loop.ts';
import { peakMib } from '../support/process-usage.ts';
import { load, round } from '../support/report.ts';
import { withBuilds } from '../support/builds.ts';
import { Venue } from '../support/venue.ts';
import type { AttackOrder } from './attacker.ts';
import type { Attack, Loot } from './attacks.ts';
import type { Sample } from '../support/open-loop.ts';
import type { Row } from '../support/report.ts';
import type { Build } from '../support/builds.ts';
import type { System } from '../support/system.ts';

export interface HostileOptions {
  /** Of the venue beside the attacker; every third is a write. */
  readonly perSecond: number;
  /** Of each attack. */
  readonly seconds: number;
  readonly records: number;
  /** Another checkout, with its packages installed, that runs beside this one and is attacked in turn with it; null: this one alone. */
  readonly against: string | null;
}

const WARM_UP_S = 5;
/** After an attack: what it left in flight is no part of the next. */
const REST_MS = 3_000;
const MAX_RATIO = 2;
const MAX_PEAK_MIB = 400;
const MAX_ANSWER_BYTES = 1_000_000;
const MAX_PAGE_BYTES = 5_000_000;

/** One venue reads and writes at a fixed rate, by itself and while another does each of its worst, and all of it at once. */
export async function benchHostile(options: HostileOptions): Promise<readonly Row[]> {
  return withBuilds({ against: options.against, requestsPerSecond: 100 }, (builds) => attackInTurn(builds, options));
}

interface Stage extends Build {
  readonly victim: Venue;
  readonly attacker: Venue;
  readonly quietP95Ms: number;
}

async function attackInTurn(builds: readonly Build[], options: HostileOptions): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const stages: Stage[] = [];
  for (const build of builds) {
    const [victim, attacker] = [await aVenue(build.system), await aVenue(build.system)];
    await victim.load(options.records, 'Customer');
    await makeRichRecords(build.system.api, attacker.id);
    await openLoop({ perSecond: options.perSecond, seconds: WARM_UP_S, send: sender(build.system, victim) });
    const samples = await openLoop({ ...options, send: sender(build.system, victim) });
    stages.push({ ...build, victim, attacker, quietP95Ms: p95Of(samples) });
    rows.push({ what: `${build.name}, quiet`, ...figuresOf(samples), goal: null, met: null });
  }
  const together = { name: 'all of it at once', attacks: ATTACKS };
  for (const { name, attacks } of [...ATTACKS.map((attack) => ({ name: attack.name, attacks: [attack] })), together])
    for (const stage of stages)
      rows.push({ what: `${stage.name}, ${name}`, ...(await underAttack(stage, attacks, options)) });
  return rows;
}

async function aVenue({ api, stripe }: System): Promise<Venue> {
  return Venue.create(api, (await stripe.addAccount()).secretKey);
}

async function underAttack(
  { system, victim, attacker, quietP95Ms }: Stage,
  attacks: readonly Attack[],
  options: HostileOptions,
): Promise<Omit<Row, 'what'> & Pick<Row, 'goal' | 'met'>> {
  const target = {
    apiUrl: system.apiUrl,
    token: system.token,
    venueId: attacker.id,
    connectionId: attacker.connectionId,
    consentProvider: await providerByConsent(system.api),
  };
  const order: AttackOrder = { target, names: attacks.map(({ name }) => name) };
  const thread = new Worker(new URL('attacker.ts', import.meta.url), { workerData: order });
  const ended = once(thread, 'message') as Promise<[Loot]>;
  const samples = await openLoop({ ...options, send: sender(system, victim) });
  thread.postMessage('stop');
  const [loot] = await ended;
  await thread.terminate();
  const ratio = p95Of(samples) / quietP95Ms;
  const peak = peakMib(system.pids.api);
  const row = {
    ...figuresOf(samples),
    ratio: round(ratio),
    attacks: loot.requests,
    apiPeakMib: round(peak, 0),
    largestAnswerKb: round(loot.largestAnswerBytes / 1_000, 1),
    largestPageKb: round(loot.largestPageBytes / 1_000, 1),
    load: load(),
    goal: `p95 ≤ ${MAX_RATIO} × quiet, none failed, peak ≤ ${MAX_PEAK_MIB} MiB, answers ≤ 1 MB, pages ≤ 5 MB`,
    met:
      ratio <= MAX_RATIO &&
      samples.every(({ failed }) => !failed) &&
      peak <= MAX_PEAK_MIB &&
      loot.largestAnswerBytes <= MAX_ANSWER_BYTES &&
      loot.largestPageBytes <= MAX_PAGE_BYTES,
  };
  await sleep(REST_MS);
  return row;
}

/** Two reads to one write, as a venue's backend does them. */
function sender({ apiUrl, token }: System, { id }: Venue): (index: number) => Promise<void> {
  const base = `${apiUrl}/v1/venues/${id}/records/customers`;
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return async (index) => {
    const signal = AbortSignal.timeout(10_000);
    const answer =
      index % 3 === 0
        ? await fetch(`${base}/batch`, {
            method: 'POST',
            headers: { ...headers, 'idempotency-key': randomUUID() },
            signal,
            body: JSON.stringify({ records: [{ sourceId: `steady-${index % 100}`, name: `Steady ${index}` }] }),
          })
        : await fetch(index % 3 === 1 ? `${base}?limit=20` : `${base}?sourceId=c-${index % 100}`, { headers, signal });
    await answer.arrayBuffer();
    if (answer.status !== 200) throw new Error(`status ${answer.status}`);
  };
}

const p95Of = (samples: readonly Sample[]): number =>
  percentile(
    samples.map(({ latencyMs }) => latencyMs),
    0.95,
  );

function figuresOf(samples: readonly Sample[]) {
  const latencies = samples.map(({ latencyMs }) => latencyMs);
  return {
    requests: samples.length,
    failed: samples.filter(({ failed }) => failed).length,
    p50Ms: round(percentile(latencies, 0.5)),
    p95Ms: round(percentile(latencies, 0.95)),
    p99Ms: round(percentile(latencies, 0.99)),
  };
}
