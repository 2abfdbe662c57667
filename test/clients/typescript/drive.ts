// Compiled and run with `api.ts`, which openapi-typescript generates: test/clients/clients.test.ts.
import createClient from 'openapi-fetch';
import type { components, paths } from './api.ts';

type SyncRun = components['schemas']['SyncRun'];
type SyncEvent = components['schemas']['SyncEvent'];
type Problem = components['schemas']['Problem'];

const [baseUrl = '', token = '', secretKey = ''] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });

/** The generated types describe failures: nothing here is cast. */
function must<T>({ data, error, response }: { data?: T; error?: Problem; response: Response }): T {
  if (data === undefined) throw new Error(`${response.url}: ${response.status} ${error?.code}: ${error?.detail}`);
  return data;
}

async function follow(venueId: string, syncId: string): Promise<{ run: SyncRun; events: string[] }> {
  const { data: stream, response } = await client.GET('/v1/venues/{venueId}/syncs/{syncId}/events', { params: { path: { venueId, syncId } }, parseAs: 'stream' });
  if (!stream) throw new Error(`the stream answered ${response.status}`);
  const text = await new Response(stream).text();
  const events: string[] = [];
  for (const block of text.split('\n\n')) {
    const fields = Object.fromEntries(block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]));
    if (fields['event'] === undefined) continue;
    const event = { id: fields['id'], event: fields['event'], data: JSON.parse(fields['data'] ?? '') } as SyncEvent;
    events.push(event.event);
    // Narrowed by the discriminator.
    if (event.event === 'finished') return { run: event.data, events };
  }
  throw new Error('the stream ended before the run');
}

const venue = must(await client.POST('/v1/venues', { body: { name: 'TypeScript', timeZone: 'Europe/Berlin', currency: 'EUR' }, params: { header: { 'Idempotency-Key': 'ts-venue' } } }));
const venueId = venue.id;
const connection = must(await client.POST('/v1/venues/{venueId}/connections', { params: { path: { venueId } }, body: { provider: 'stripe', environment: 'sandbox', credentials: { secretKey } } }));
const connectionId = connection.id;
// One schedule in each of its two forms.
for (const body of [{ every: '1h' }, { cron: '0 6 * * *', timeZone: 'MET', paused: true }]) {
  must(await client.PUT('/v1/venues/{venueId}/connections/{connectionId}/schedules/{resource}', { params: { path: { venueId, connectionId, resource: 'customers' } }, body }));
}
const records = Array.from({ length: 5 }, (_, index) => ({ sourceId: `c-${index}`, name: `Customer ${index}`, address: { city: 'Berlin' }, metadata: { tier: 'gold' } }));
const loaded = must(await client.POST('/v1/venues/{venueId}/records/customers/batch', { params: { path: { venueId } }, body: { records: [...records, { sourceId: 'bad', email: 'none' }] } }));

const push = async (mode: SyncRun['mode']) => {
  const { id } = must(await client.POST('/v1/venues/{venueId}/syncs', { params: { path: { venueId } }, body: { connectionId, resource: 'customers', direction: 'push', mode } }));
  return follow(venueId, id);
};
const first = await push('incremental');
const second = await push('full');

const cities: (string | null | undefined)[] = [];
const pages: number[] = [];
for (let cursor: string | null | undefined; cursor !== null; ) {
  const page = must(await client.GET('/v1/venues/{venueId}/records/customers', { params: { path: { venueId }, query: { limit: 2, ...(cursor !== undefined && { cursor }) } } }));
  cities.push(...page.data.map(({ address }) => address?.city));
  pages.push(page.data.length);
  cursor = page.nextCursor;
}

const bad = await client.POST('/v1/venues', { body: { name: '', timeZone: 'Mars/Olympus', currency: 'EUR' } });
const lost = await client.GET('/v1/venues/{venueId}', { params: { path: { venueId: '00000000-0000-7000-8000-000000000000' } } });
process.stdout.write(
  JSON.stringify({
    loaded: [loaded.created, loaded.rejected, loaded.rejections.map(({ sourceId }) => sourceId)],
    first: [first.run.outcome, first.run.counts.created],
    second: [second.run.outcome, second.run.counts.created, second.run.counts.updated, second.run.counts.unchanged],
    lastEvent: second.events.at(-1),
    pages,
    cities,
    problem: [bad.error?.status, bad.error?.code, bad.error?.errors?.map(({ path }) => path)],
    lost: lost.error?.code,
  }),
);
