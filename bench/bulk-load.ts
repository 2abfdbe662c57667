import { readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { load as machineLoad, round } from './support/report.ts';
import { withFolder, withSystem } from './support/system.ts';
import type { Row } from './support/report.ts';
import type { System } from './support/system.ts';

export interface BulkLoadOptions {
  readonly records: number;
}

const GOAL_PER_SECOND = 10_000;
const GOAL_GROWTH_MIB = 100;
const SAMPLE_EVERY_MS = 20;
const WARM_UP_RECORDS = 5_000;
const PIECE_RECORDS = 500;

const withId = z.object({ id: z.uuid() });
const answer = z.object({
  received: z.int(),
  created: z.int(),
  updated: z.int(),
  unchanged: z.int(),
  rejected: z.int(),
});

/** The formats of a load. */
const WAYS = [
  { what: 'NDJSON', type: 'application/x-ndjson', query: '', open: '', between: '\n', close: '\n' },
  { what: 'JSON', type: 'application/json', query: '', open: '{"records":[', between: ',', close: ']}' },
  { what: 'NDJSON, atomic', type: 'application/x-ndjson', query: '?atomic=true', open: '', between: '\n', close: '\n' },
  {
    what: 'JSON, atomic',
    type: 'application/json',
    query: '?atomic=true',
    open: '{"records":[',
    between: ',',
    close: ']}',
  },
] as const;
type Way = (typeof WAYS)[number];

const RESOURCES = { customers: aCustomer, products: aProduct };
type Resource = keyof typeof RESOURCES;

/**
 * Loads a set of records in one request into an empty venue, then again unchanged, and measures the memory of the API's
 * process.
 */
export async function benchBulkLoad({ records }: BulkLoadOptions): Promise<readonly Row[]> {
  const rows: Row[] = [];
  await withFolder(async (home) => {
    for (const resource of Object.keys(RESOURCES) as Resource[]) {
      for (const way of WAYS) {
        // Use a process for each load, so that memory left by one does not hide what the next needs.
        rows.push(
          ...(await withSystem({ home, requestsPerSecond: 100 }, (system) =>
            loadTwice(system, { resource, way, records }),
          )),
        );
      }
    }
  });
  return rows;
}

type LoadedSystem = Pick<System, 'api' | 'apiUrl' | 'token' | 'pids'>;

interface Load {
  readonly resource: Resource;
  readonly way: Way;
  readonly records: number;
}

async function loadTwice(system: LoadedSystem, { resource, way, records }: Load): Promise<readonly Row[]> {
  const name = `${records} ${resource} as ${way.what}`;
  // Warm up first: compiling the code costs memory and time that no load should be charged for.
  await measured(system, { resource, way, records: WARM_UP_RECORDS, venueId: await aVenue(system) });
  const venueId = await aVenue(system);
  const first = await measured(system, { resource, way, records, venueId });
  const again = await measured(system, { resource, way, records, venueId });
  if (first.answer.created !== records || again.answer.unchanged !== records)
    throw new Error(`${name} answered ${JSON.stringify([first.answer, again.answer])}`);
  return [toRow(`${name}, new`, first), toRow(`${name}, unchanged`, again)];
}

interface MeasuredLoad {
  readonly answer: z.output<typeof answer>;
  readonly perSecond: number;
  readonly seconds: number;
  readonly megabytes: number;
  readonly rssBeforeMib: number;
  readonly growthMib: number;
}

async function measured(
  { apiUrl, token, pids }: LoadedSystem,
  { resource, way, records, venueId }: Load & { venueId: string },
): Promise<MeasuredLoad> {
  const sent = { bytes: 0 };
  const rssBeforeMib = rssMib(pids.api);
  const watch = watchRss(pids.api);
  const startedAt = performance.now();
  const response = await fetch(`${apiUrl}/v1/venues/${venueId}/records/${resource}/batch${way.query}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': way.type, 'idempotency-key': randomUUID() },
    body: ReadableStream.from(bodyOf({ resource, way, records }, sent)),
    duplex: 'half',
  });
  const text = await response.text();
  const seconds = (performance.now() - startedAt) / 1_000;
  const peakMib = await watch.end();
  if (response.status !== 200) throw new Error(`the load answered ${response.status} ${text}`);
  return {
    answer: answer.parse(JSON.parse(text)),
    seconds,
    perSecond: records / seconds,
    megabytes: sent.bytes / 1e6,
    rssBeforeMib,
    growthMib: peakMib - rssBeforeMib,
  };
}

/** Generate the body while sending, so that this process does not hold it. */
function* bodyOf({ resource, way, records }: Load, sent: { bytes: number }): Generator<Uint8Array> {
  const make = RESOURCES[resource];
  for (let from = 0; from < records; from += PIECE_RECORDS) {
    const to = Math.min(records, from + PIECE_RECORDS);
    const texts = Array.from({ length: to - from }, (_, index) => JSON.stringify(make(from + index)));
    const piece = Buffer.from(
      `${from === 0 ? way.open : way.between}${texts.join(way.between)}${to === records ? way.close : ''}`,
    );
    sent.bytes += piece.length;
    yield new Uint8Array(piece);
  }
}

function watchRss(pid: number): { end(): Promise<number> } {
  let peak = 0;
  const stop = new AbortController();
  const watching = (async () => {
    while (!stop.signal.aborted) {
      peak = Math.max(peak, rssMib(pid));
      await sleep(SAMPLE_EVERY_MS);
    }
  })();
  return {
    end: async () => {
      stop.abort();
      await watching;
      return peak;
    },
  };
}

/** proc(5). */
function rssMib(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kib === undefined) throw new Error('the memory of the API cannot be read on this system');
  return Number(kib) / 1_024;
}

async function aVenue({ api }: LoadedSystem): Promise<string> {
  return withId.parse(
    await api.post('/v1/venues', { name: 'Benchmark', timeZone: 'Europe/Berlin', currency: 'EUR' }, randomUUID()),
  ).id;
}

function toRow(what: string, { seconds, perSecond, megabytes, rssBeforeMib, growthMib }: MeasuredLoad): Row {
  return {
    what,
    seconds: round(seconds),
    perSecond: round(perSecond, 0),
    megabytes: round(megabytes, 1),
    rssBeforeMib: round(rssBeforeMib, 0),
    growthMib: round(growthMib, 0),
    load: machineLoad(),
    goal: `≥ ${GOAL_PER_SECOND}/s, < ${GOAL_GROWTH_MIB} MiB`,
    met: perSecond >= GOAL_PER_SECOND && growthMib < GOAL_GROWTH_MIB,
  };
}

function aCustomer(no: number): object {
  return {
    sourceId: `c-${no}`,
    name: `Customer ${no}`,
    email: `customer-${no}@example.com`,
    phone: `+49 30 ${no}`,
    address: { line1: `${no} High Street`, city: 'Berlin', postalCode: '10115', country: 'DE' },
    marketingConsent: no % 2 === 0,
    metadata: { tier: String(no % 3) },
  };
}

function aProduct(no: number): object {
  return {
    sourceId: `p-${no}`,
    name: `Product ${no}`,
    description: `What product ${no} is good for, in a sentence of the usual length.`,
    sku: `SKU-${no}`,
    amountMinor: 100 + (no % 10_000),
    currency: 'EUR',
    active: true,
    images: [`https://images.example.com/${no}.jpg`],
    metadata: { shelf: String(no % 40) },
  };
}
