import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { providerByConsent } from '../../checks/provider-by-consent.ts';
import { ATTACKS, makeRichRecords } from './attacks.ts';
import { openLoop, percentile } from '../support/open-loop.ts';
import { cpuSeconds, peakMib } from '../support/process-usage.ts';
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
  /** Attacks by the beginning of their names; null: all of them. */
  readonly only: readonly string[] | null;
}

/** Until the engine has compiled what the requests run through: before that, a quiet API takes twice as long. */
const WARM_UP = { perSecond: 100, seconds: 15 };
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
}

interface Round {
  readonly name: string;
  readonly attacks: readonly Attack[];
}

async function attackInTurn(builds: readonly Build[], options: HostileOptions): Promise<readonly Row[]> {
  const stages: Stage[] = [];
  for (const build of builds) {
    const [victim, attacker] = [await aVenue(build.system), await aVenue(build.system)];
    await victim.load(options.records, 'Customer');
    await makeRichRecords(build.system.api, attacker.id);
    await openLoop({ ...WARM_UP, send: sender(build.system, victim) });
    stages.push({ ...build, victim, attacker });
  }
  const rows: Row[] = [];
  for (const round of roundsOf(options)) for (const stage of stages) rows.push(...(await play(stage, round, options)));
  return rows;
}

/** Each attack by itself, then all at once. */
function roundsOf({ only }: HostileOptions): readonly Round[] {
  const all = [
    ...ATTACKS.map((attack) => ({ name: attack.name, attacks: [attack] })),
    { name: 'all of it at once', attacks: ATTACKS },
  ];
  if (only === null) return all;
  const rounds = all.filter(({ name }) => only.some((start) => name.startsWith(start)));
  if (rounds.length === 0) throw new Error(`no attack begins with ${only.join(' or ')}`);
  return rounds;
}

/** A quiet time just before the attack is what it is compared with: on shared cores, an earlier one says little. */
async function play(stage: Stage, round: Round, options: HostileOptions): Promise<readonly Row[]> {
  const quiet = await watch(stage, options);
  const attacked = await underAttack(stage, round, { ...options, quietP95Ms: quiet.p95Ms });
  await sleep(REST_MS);
  return [
    { what: `${stage.name}, quiet before ${round.name}`, ...quiet, goal: null, met: null },
    { what: `${stage.name}, ${round.name}`, ...attacked },
  ];
}

async function aVenue({ api, stripe }: System): Promise<Venue> {
  return Venue.create(api, (await stripe.addAccount()).secretKey);
}

async function underAttack(
  stage: Stage,
  { attacks }: Round,
  options: HostileOptions & { readonly quietP95Ms: number },
): Promise<Omit<Row, 'what'> & Pick<Row, 'goal' | 'met'>> {
  const { system, attacker } = stage;
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
  const figures = await watch(stage, options);
  thread.postMessage('stop');
  const [loot] = await ended;
  await thread.terminate();
  const ratio = figures.p95Ms / options.quietP95Ms;
  const peak = peakMib(system.pids.api);
  return {
    ...figures,
    ratio: round(ratio),
    attacks: loot.requests,
    apiPeakMib: round(peak, 0),
    largestAnswerKb: round(loot.largestAnswerBytes / 1_000, 1),
    largestPageKb: round(loot.largestPageBytes / 1_000, 1),
    goal: `p95 ≤ ${MAX_RATIO} × quiet, none failed, peak ≤ ${MAX_PEAK_MIB} MiB, answers ≤ 1 MB, pages ≤ 5 MB`,
    met:
      ratio <= MAX_RATIO &&
      figures.failed === 0 &&
      peak <= MAX_PEAK_MIB &&
      loot.largestAnswerBytes <= MAX_ANSWER_BYTES &&
      loot.largestPageBytes <= MAX_PAGE_BYTES,
  };
}

/** Sends the victim's requests, and measures them and what the processes use meanwhile. */
async function watch({ system, victim }: Stage, options: HostileOptions) {
  const before = { ...cpuSeconds(system.pids), senders: sendersCpuS() };
  const samples = await openLoop({ ...options, send: sender(system, victim) });
  const after: Readonly<Record<string, number>> = { ...cpuSeconds(system.pids), senders: sendersCpuS() };
  const used = Object.entries(before)
    .map(([name, cpuS]) => `${name} ${round((after[name] ?? NaN) - cpuS, 1)}`)
    .join(', ');
  return { ...figuresOf(samples), cpuS: used, load: load() };
}

/** Of this process, in which the victim's requests and the attacker's are made. */
function sendersCpuS(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000_000;
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
