import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { until } from '../support/eventually.ts';
import type { SyncBody } from '../support/service-client.ts';
import type { StripeAccount } from '../support/sandbox/stripe-account.ts';
import type { System } from '../support/worlds/system.ts';
import { PROVIDER_FAULTS } from './plan.ts';
import type { FaultName, PlannedFault, PlannedVenue } from './plan.ts';
import type { RunWatch } from './watch.ts';

export interface Venue {
  readonly plan: PlannedVenue;
  readonly venueId: string;
  readonly connectionId: string;
  readonly account: StripeAccount;
}

export interface Stage {
  readonly system: System;
  readonly watch: RunWatch;
  /** How often each fault has struck. */
  readonly struck: Map<FaultName, number>;
  readonly clockSkewMs: number;
}

export interface Round {
  readonly mode: 'full' | 'incremental';
  readonly faults: readonly PlannedFault[];
  /** Approximate number of calls that the faults apply to. */
  readonly expectedCalls: number;
}

/** Longer than all kills of an episode plus the longest pause between two attempts. */
const RUN_LIMIT_MS = 300_000;
const ANSWER_LIMIT_MS = 90_000;
/** Delay of each page of a pull, so that kills hit even pulls of few pages. */
const PAGE_DELAY_MS = 600;

/** Repeats `work` until it succeeds, because the API is among the killed processes. `work` must be safe to repeat. */
export async function persistently<T>(what: string, work: () => Promise<T>): Promise<T> {
  let last: unknown = null;
  const attempt = () =>
    work()
      .then((value) => ({ value }))
      .catch((error: unknown) => {
        last = error;
        return null;
      });
  try {
    return (await until(attempt, { limitMs: ANSWER_LIMIT_MS, what, everyMs: 250 })).value;
  } catch (error) {
    throw new Error(`${(error as Error).message}; it failed with ${String(last)}`, { cause: last });
  }
}

export async function openVenue(system: System, plan: PlannedVenue): Promise<Venue> {
  const account = await system.stripe.addAccount();
  const venueId = await persistently('a venue is created', () => system.api.createVenue());
  const { id: connectionId } = await persistently('the account is connected', () =>
    system.api.connect(venueId, account.secretKey),
  );
  return { plan, venueId, connectionId, account };
}

/** One run from start to end under the round's faults. Returns it as the API shows it. */
export async function sync(stage: Stage, venue: Venue, round: Round): Promise<SyncBody> {
  const { system, watch } = stage;
  await installFaults(venue, round);
  const since = new Date();
  const run = await start(system, venue, round.mode);
  const left = round.faults.some(({ name }) => name === 'revoked')
    ? await enterKeyWhenRefused(stage, venue, { runId: run.id, round })
    : round.faults;
  await watch.reached(run.id, { what: 'is over', when: ({ finished }) => finished, limitMs: RUN_LIMIT_MS });
  expect(await openedSince(system, venue, since), 'the runs that one request has opened').toEqual([run.id]);
  await noteStruck(stage, venue, left);
  await venue.account.clearFaults();
  return persistently('the run is read', () => system.api.run(venue.venueId, run.id));
}

/** Starts the run. Repeated under its key after a kill, the request returns the one run that it opened. */
async function start({ api }: System, { venueId, connectionId, plan }: Venue, mode: Round['mode']): Promise<SyncBody> {
  const { resource, direction } = plan;
  const key = randomUUID();
  return persistently(`a ${direction} of ${resource} is started`, async () => {
    const { status, body } = await api.tryPost(
      `/v1/venues/${venueId}/syncs`,
      { connectionId, resource, direction, mode },
      key,
    );
    // With 200 it joined an earlier run, which may have read data that has changed since.
    if (status !== 202) throw new Error(`it answered ${status} ${JSON.stringify(body)}`);
    return body as SyncBody;
  });
}

function openedSince({ database }: System, { connectionId, plan }: Venue, since: Date): Promise<readonly string[]> {
  const { resource, direction } = plan;
  return persistently('the runs of the round are looked up', async () => {
    const runs = await database<{ id: string }[]>`
      select id from sync_runs where connection_id = ${connectionId} and resource = ${resource} and direction = ${direction} and created_at >= ${since}`;
    return runs.map(({ id }) => id);
  });
}

const methodOf = ({ plan }: Venue) => (plan.direction === 'push' ? 'POST' : 'GET');

async function installFaults(venue: Venue, { faults, expectedCalls }: Round): Promise<void> {
  const { account, plan } = venue;
  await account.clearFaults();
  for (const { name, at, times } of faults) {
    await account.fault({
      ...PROVIDER_FAULTS[name],
      times,
      match: { method: methodOf(venue), nth: 1 + Math.floor(at * expectedCalls) },
    });
  }
  // The first fault that matches strikes, so this one is installed last.
  if (plan.direction === 'pull' && faults.length > 0)
    await account.fault({ kind: 'slow', delayMs: PAGE_DELAY_MS, match: { method: 'GET' } });
}

/** Counts the faults that have struck; returns the others. */
async function noteStruck(
  { struck }: Stage,
  { account }: Venue,
  faults: readonly PlannedFault[],
): Promise<readonly PlannedFault[]> {
  const installed = await account.faults();
  const times = new Map(faults.map((fault, index) => [fault, installed[index]?.struck ?? 0]));
  for (const [{ name }, count] of times) if (count > 0) struck.set(name, (struck.get(name) ?? 0) + count);
  return faults.filter((fault) => times.get(fault) === 0);
}

/**
 * Waits for the refusal of the key, if the run gets that far; then the run waits, and entering the same key again
 * resumes it. Returns the faults that had not struck, which are installed from then on.
 */
async function enterKeyWhenRefused(
  stage: Stage,
  venue: Venue,
  { runId, round }: { readonly runId: string; readonly round: Round },
): Promise<readonly PlannedFault[]> {
  const { system, watch } = stage;
  const { venueId, connectionId, account } = venue;
  const { finished } = await watch.reached(runId, {
    what: 'waits for a key or is over',
    when: (run) => run.finished || run.waitingFor === 'needs-reauth',
    limitMs: RUN_LIMIT_MS,
  });
  if (finished) return round.faults;
  await until(
    () =>
      system.api
        .connection(venueId, connectionId)
        .then(({ state }) => state === 'needs-reauth')
        .catch(() => false),
    {
      limitMs: ANSWER_LIMIT_MS,
      what: 'the connection says that its key was refused',
      everyMs: 250,
    },
  );
  expect(watch.find(runId)).toMatchObject({ phase: 'waiting', waitingFor: 'needs-reauth' });
  const left = await noteStruck(stage, venue, round.faults);
  // About half of the work is still to come.
  await installFaults(venue, { ...round, faults: left, expectedCalls: round.expectedCalls / 4 });
  await persistently('the key is entered again', () => system.api.connect(venueId, account.secretKey));
  return left;
}
