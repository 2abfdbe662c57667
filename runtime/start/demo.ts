import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { bodyOf } from '../cli/api-client.ts';
import { DEMO_CUSTOMERS } from './demo-customers.ts';
import { readJson, writeJsonAtomically } from './files.ts';
import { StartError } from './start-error.ts';
import type { ApiClient } from '../cli/api-client.ts';

export interface DemoOptions {
  readonly api: ApiClient;
  /** Remembers the venue and the connection between runs. */
  readonly demoFile: string;
  /** The stand-in that customers are pushed to. */
  readonly standIn: { readonly provider: string; readonly displayName: string; readonly secretKey: string };
  readonly log: (line: string) => void;
  readonly stop: AbortSignal;
}

export interface DemoResult {
  readonly venueId: string;
  readonly connectionId: string;
  readonly sync: FinishedSync;
}

const VENUE = { name: 'Demonstration venue', timeZone: 'Europe/Berlin', currency: 'EUR', sourceId: 'demo' } as const;
const SYNC_LIMIT_MS = 180_000;

const remembered = z.object({ venueId: z.uuid(), connectionId: z.uuid() });
const withId = z.object({ id: z.uuid() });
const venuePage = z.object({
  data: z.array(z.object({ id: z.uuid(), sourceId: z.string().nullable() })),
  nextCursor: z.string().nullable(),
});
const connectionPage = z.object({ data: z.array(z.object({ id: z.uuid(), provider: z.string(), state: z.string() })) });
const batchAnswer = z.object({ received: z.int(), rejected: z.int() });
const syncRun = z.object({
  id: z.uuid(),
  phase: z.string(),
  progress: z.object({ done: z.number(), total: z.number().nullable() }),
  counts: z.object({ read: z.int(), created: z.int(), updated: z.int(), unchanged: z.int(), rejected: z.int() }),
  outcome: z.string().nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  temporalUrl: z.string().nullable(),
});
export type FinishedSync = z.output<typeof syncRun>;

/**
 * Uses the API alone to create a venue with customers, connect it to the sandbox, and finish one push. Reuses what an
 * earlier run left.
 * @throws {StartError} when a step is refused or the sync does not succeed within three minutes.
 */
export async function runDemonstration(options: DemoOptions): Promise<DemoResult> {
  const { api, demoFile, log, standIn } = options;
  const known = await findRemembered(options);
  const venueId = known?.venueId ?? (await ensureVenue(api));
  if (known === null) await loadCustomers(api, venueId);
  const connectionId = known?.connectionId ?? (await ensureConnection(options, venueId));
  writeJsonAtomically(demoFile, { venueId, connectionId });
  log(
    known === null
      ? `demonstration: ${DEMO_CUSTOMERS.length} made-up customers loaded, sandbox ${standIn.displayName} connected`
      : 'demonstration: venue and connection of the last run are still there',
  );
  const sync = await pushCustomers(options, { venueId, connectionId, mode: known === null ? 'full' : 'incremental' });
  return { venueId, connectionId, sync };
}

/** The venue and connection in demo.json, if the API still has them and the connection is active. */
async function findRemembered({ api, demoFile }: DemoOptions): Promise<z.output<typeof remembered> | null> {
  const { data } = remembered.safeParse(readJson(demoFile));
  if (data === undefined) return null;
  const { status, body } = await api.ask(`/v1/venues/${data.venueId}/connections/${data.connectionId}`);
  return status === 200 && (body as { state?: unknown }).state === 'active' ? data : null;
}

async function ensureVenue(api: ApiClient): Promise<string> {
  // Look for the venue first: the home's demo.json may be lost, or the database shared.
  const found = await findDemoVenue(api);
  return found ?? withId.parse(await api.post('/v1/venues', VENUE, `demo-venue-${randomUUID()}`)).id;
}

async function findDemoVenue(api: ApiClient): Promise<string | null> {
  let cursor: string | null = null;
  do {
    const page: z.output<typeof venuePage> = venuePage.parse(
      await api.get(`/v1/venues?limit=200${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`),
    );
    const demo = page.data.find(({ sourceId }) => sourceId === VENUE.sourceId);
    if (demo !== undefined) return demo.id;
    cursor = page.nextCursor;
  } while (cursor !== null);
  return null;
}

async function loadCustomers(api: ApiClient, venueId: string): Promise<void> {
  const answer = batchAnswer.parse(
    await api.post(
      `/v1/venues/${venueId}/records/customers/batch`,
      { records: DEMO_CUSTOMERS },
      `demo-customers-${randomUUID()}`,
    ),
  );
  if (answer.rejected > 0)
    throw new StartError(`the API rejected ${answer.rejected} of the demonstration's ${answer.received} customers.`);
}

async function ensureConnection({ api, standIn }: DemoOptions, venueId: string): Promise<string> {
  const path = `/v1/venues/${venueId}/connections`;
  const existing = connectionPage
    .parse(await api.get(path))
    .data.find(({ provider, state }) => provider === standIn.provider && state === 'active');
  if (existing !== undefined) return existing.id;
  const answer = await api.tryPost(
    path,
    { provider: standIn.provider, environment: 'sandbox', credentials: { secretKey: standIn.secretKey } },
    `demo-connection-${randomUUID()}`,
  );
  return withId.parse(bodyOf(answer, 'connecting the sandbox')).id;
}

async function pushCustomers(
  options: DemoOptions,
  { venueId, connectionId, mode }: { venueId: string; connectionId: string; mode: string },
): Promise<FinishedSync> {
  const { api, log, stop } = options;
  const path = `/v1/venues/${venueId}/syncs`;
  const { id } = withId.parse(
    await api.post(path, { connectionId, resource: 'customers', direction: 'push', mode }, `demo-sync-${randomUUID()}`),
  );
  const startedAt = performance.now();
  let toldAt = startedAt;
  for (;;) {
    const run = syncRun.parse(await api.get(`${path}/${id}`));
    if (run.phase === 'finished') return finishedWell(run);
    const now = performance.now();
    if (now - startedAt > SYNC_LIMIT_MS)
      throw new StartError(
        `the first sync is still in phase "${run.phase}" after ${SYNC_LIMIT_MS / 1_000} s${run.temporalUrl === null ? '' : `: ${run.temporalUrl}`}`,
      );
    if (now - toldAt > 5_000) {
      toldAt = now;
      log(`demonstration: sync ${run.phase}, ${run.progress.done} of ${run.progress.total ?? '?'} done`);
    }
    await sleep(100, null, { signal: stop });
  }
}

function finishedWell(run: FinishedSync): FinishedSync {
  if (run.outcome === 'completed') return run;
  const reason = run.error === null ? '' : `: ${run.error.code}, ${run.error.message}`;
  throw new StartError(
    `the first sync ended as "${run.outcome ?? 'unknown'}"${reason}${run.temporalUrl === null ? '' : ` (${run.temporalUrl})`}`,
  );
}
