import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { benchApi } from './api.ts';
import { benchBulkLoad } from './bulk-load.ts';
import { benchCrowd } from './crowd.ts';
import { benchFaults } from './faults/faults.ts';
import { benchFive, FIVE_PROVIDERS } from './providers/five.ts';
import type { ProviderId } from '../contracts/providers.ts';
import { benchFlood } from './flood.ts';
import { benchHistory } from './history.ts';
import { benchHostile } from './hostile/hostile.ts';
import { benchIdle } from './idle.ts';
import { benchIngest, INGEST_PARTS } from './ingest/ingest.ts';
import type { IngestPart } from './ingest/ingest.ts';
import { benchMailchimp } from './providers/mailchimp.ts';
import { benchMappings } from './mappings.ts';
import { benchMillion } from './million.ts';
import { benchPull } from './pull.ts';
import { benchFirstPush, benchPush } from './push.ts';
import { benchQuickBooks } from './providers/quickbooks.ts';
import { measure, print } from './support/report.ts';
import { benchSoak } from './soak.ts';
import { benchSquare } from './providers/square.ts';
import { benchStart } from './start.ts';
import { benchSyncEngine } from './sync-engine.ts';
import { benchTwoWay } from './two-way.ts';
import { benchVault } from './vault.ts';
import { benchXero } from './providers/xero.ts';
import type { Row } from './support/report.ts';

const HELP = `Usage: node bench/main.ts <start|pull|push|first-push|history|api|bulk-load|mappings|vault|million|crowd|flood|hostile|soak|idle|ingest|faults|square|quickbooks|mailchimp|xero|five|two-way|sync-engine|all> [options]

  --cold               start: with empty caches, as on a bare machine
  --rates 10,25,100    pull, push: budgets to try, requests a second
  --resource customers two-way: or products
  --records 10000      how many records, or customers; each benchmark has a number of its own
  --products 1000      five: how many products beside the customers
  --changed 1000       push, history: of which have changed; two-way (100): on each side
  --latency 100        pull, push, history, square, quickbooks, mailchimp, xero, five, sync-engine: what the sandbox adds to each answer, ms
  --syncs 10           crowd, flood (60): syncs at the same time
  --uneven             pull: customers created in bursts
  --connections 10000  idle: how many
  --repeats 3          pull, api, sync-engine, ingest: runs of each
  --per-second 200     api, hostile (30), soak (30): requests a second
  --seconds 20         api, hostile (each attack), idle (120), soak (1200), ingest (10, each): how long
  --only rates,path    ingest: these parts alone, of ${INGEST_PARTS.join(', ')}; hostile: attacks by the
                       beginning of their names, such as 1,3,all; five: providers that are measured,
                       beside the others
  --events 20000       faults: made at the provider
  --faults 40          faults: kills, pauses and outages
  --seed <number>      faults: repeats the events and faults of an earlier run
  --without-control    faults: leaves BullMQ out
  --against <folder>   api, hostile: another checkout that is measured in turn with this one`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cold: { type: 'boolean', default: false },
    uneven: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
    rates: { type: 'string' },
    records: { type: 'string' },
    syncs: { type: 'string' },
    connections: { type: 'string', default: '10000' },
    changed: { type: 'string' },
    resource: { type: 'string', default: 'customers' },
    products: { type: 'string', default: '1000' },
    latency: { type: 'string', default: '100' },
    repeats: { type: 'string' },
    'per-second': { type: 'string' },
    seconds: { type: 'string' },
    only: { type: 'string' },
    events: { type: 'string', default: '20000' },
    faults: { type: 'string', default: '40' },
    seed: { type: 'string' },
    'without-control': { type: 'boolean', default: false },
    against: { type: 'string' },
  },
});

const records = toCount(values.records ?? '10000');
const changed = toCount(values.changed ?? '1000');
const latencyMs = toCount(values.latency);
const repeats = (standard: number): number => (values.repeats === undefined ? standard : toCount(values.repeats));
const perSecond = (standard: string): number => toCount(values['per-second'] ?? standard);
const rates = (standard: string): number[] => (values.rates ?? standard).split(',').map(toCount);

const benchmarks: Readonly<Record<string, () => Promise<readonly Row[]>>> = {
  start: () => benchStart({ cold: values.cold }),
  pull: () => benchPull({ rates: rates('10,25,100'), records, latencyMs, repeats: repeats(3), uneven: values.uneven }),
  push: () => benchPush({ rates: rates('25,90'), records, changed, latencyMs }),
  'first-push': () => benchFirstPush({ rate: 90, products: 1_000, customers: records, latencyMs }),
  history: () => benchHistory({ records, changed, latencyMs, rate: rates('90')[0] ?? 90 }),
  api: () =>
    benchApi({
      perSecond: perSecond('200'),
      seconds: toCount(values.seconds ?? '20'),
      records,
      connections: 20,
      syncsEach: 3,
      repeats: repeats(1),
      against: values.against ?? null,
    }),
  million: () => benchMillion({ records: toCount(values.records ?? '1000000'), rate: rates('1000')[0] ?? 1_000 }),
  crowd: () =>
    benchCrowd({
      syncs: toCount(values.syncs ?? '10'),
      records: toCount(values.records ?? '5000'),
      latencyMs,
      rate: rates('25')[0] ?? 25,
    }),
  flood: () =>
    benchFlood({
      syncs: toCount(values.syncs ?? '60'),
      records: toCount(values.records ?? '50000'),
      latencyMs,
      rate: rates('25')[0] ?? 25,
      repeats: repeats(5),
    }),
  hostile: () =>
    benchHostile({
      perSecond: perSecond('30'),
      seconds: toCount(values.seconds ?? '20'),
      records: toCount(values.records ?? '2000'),
      against: values.against ?? null,
      only: values.only?.split(',') ?? null,
    }),
  soak: () => benchSoak({ perSecond: perSecond('30'), seconds: toCount(values.seconds ?? '1200') }),
  idle: () => benchIdle({ connections: toCount(values.connections), seconds: toCount(values.seconds ?? '120') }),
  ingest: () =>
    benchIngest({
      seconds: toCount(values.seconds ?? '10'),
      repeats: repeats(3),
      ids: toCount(values.records ?? '10000000'),
      only: values.only === undefined ? null : values.only.split(',').map(toIngestPart),
    }),
  faults: () =>
    benchFaults(
      {
        events: toCount(values.events),
        faults: toCount(values.faults),
        seed: values.seed === undefined ? randomInt(2 ** 31) : toCount(values.seed),
      },
      { hasControl: !values['without-control'] },
    ),
  square: () => benchSquare({ records, latencyMs }),
  quickbooks: () => benchQuickBooks({ records, latencyMs }),
  mailchimp: () => benchMailchimp({ records, latencyMs }),
  xero: () => benchXero({ records, latencyMs }),
  five: () =>
    benchFive({
      customers: records,
      products: toCount(values.products),
      latencyMs,
      only: values.only === undefined ? FIVE_PROVIDERS : values.only.split(',').map(toFiveProvider),
    }),
  'two-way': () =>
    benchTwoWay({ records, changed: toCount(values.changed ?? '100'), resource: toResource(values.resource) }),
  'sync-engine': () => benchSyncEngine({ records, latencyMs, rate: rates('100')[0] ?? 100, repeats: repeats(3) }),
  mappings: () => benchMappings({ records }),
  vault: () => benchVault({ connections: 100, opensEach: 200, secrets: records, kmsLatencyMs: 10 }),
  'bulk-load': () => benchBulkLoad({ records: toCount(values.records ?? '100000') }),
};

function toCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 0) throw new Error(`"${text}" is no whole number`);
  return count;
}

function toIngestPart(name: string): IngestPart {
  const part = INGEST_PARTS.find((one) => one === name);
  if (part === undefined) throw new Error(`"${name}" is none of ${INGEST_PARTS.join(', ')}`);
  return part;
}

function toFiveProvider(name: string): ProviderId {
  const provider = FIVE_PROVIDERS.find((one) => one === name);
  if (provider === undefined) throw new Error(`"${name}" is none of ${FIVE_PROVIDERS.join(', ')}`);
  return provider;
}

function toResource(name: string): 'customers' | 'products' {
  if (name !== 'customers' && name !== 'products') throw new Error(`"${name}" is neither customers nor products`);
  return name;
}

const [wanted = ''] = positionals;
const names = wanted === 'all' ? Object.keys(benchmarks) : Object.hasOwn(benchmarks, wanted) ? [wanted] : [];
if (values.help || names.length === 0) {
  console.log(HELP);
  process.exitCode = values.help ? 0 : 2;
}
for (const name of names) {
  const bench = benchmarks[name];
  if (bench) print(await measure(name, bench));
}
