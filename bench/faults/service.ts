import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../test/support/eventually.ts';
import type { System } from '../../test/support/worlds/system.ts';
import type { Account, Ground } from './events.ts';
import type { PlannedFault } from './plan.ts';
import type { Application, Subject } from './subject.ts';

type Killed = Parameters<System['kill']>[0];

const RESTART_LIMIT_MS = 120_000;
const APPROVAL_LIMIT_MS = 300_000;
/** Events are acknowledged for this long while nobody can be woken for them. */
const LOST_WAKE_UPS_MS = 1_000;
const PORTION = 10_000;
/** Shorter than the fast attempts of a failing event, whose later attempts are minutes apart. */
const OUTAGE_MS = 4_000;

/**
 * The service as it runs, with a trigger in its database that counts each commit of an event's effect: the service
 * itself keeps one row for an effect, however often it happens.
 */
export async function serviceSubject(system: System, { accounts }: Ground): Promise<Subject> {
  const { database } = system;
  await countApplications(database);
  const ids = accounts.map(({ id }) => id);
  const strikes: Readonly<Record<PlannedFault['kind'], (fault: PlannedFault) => Promise<unknown>>> = {
    'kill-api': () => kill(system, 'api'),
    'kill-worker': () => kill(system, 'worker'),
    'kill-postgres': () => kill(system, 'postgres'),
    'kill-queue': () => kill(system, 'temporal'),
    'kill-worker-and-postgres': () => Promise.all([kill(system, 'worker'), kill(system, 'postgres')]),
    'pause-worker': ({ pauseMs }) => pause(system, 'worker', pauseMs),
    'pause-queue': ({ pauseMs }) => pause(system, 'temporal', pauseMs),
    'lose-wake-up': () => loseWakeUps(system),
    'provider-down': () => outage(accounts),
  };
  return {
    url: `${system.apiUrl}/webhooks/stripe`,
    secret: system.sandbox.stripe['webhookSecret'] ?? '',
    keepsPoison: true,
    strike: async (fault) => {
      await strikes[fault.kind](fault);
    },
    async countOpen() {
      const [row] = await database<{ open: number }[]>`
        select count(*)::int as open from webhook_events where state in ('waiting', 'retrying')`;
      return row?.open ?? -1;
    },
    async *applications() {
      const rows = database<Application[]>`
        select event_key as id, coalesce(times, 0) as times, state = 'dead' as "isDead"
        from webhook_events event left join fault_run_applications on event_id = event.id
        where external_account_id in ${database(ids)} and state in ('applied', 'dead')`;
      yield* rows.cursor(PORTION);
    },
    async records(account) {
      const rows = await database<{ id: string; name: string | null }[]>`
        select link.external_id as id, record.name from customers record
        join record_links link on link.record_id = record.id and link.resource = 'customers'
        where record.venue_id = ${accounts[account]!.venueId} and record.deleted_at is null`;
      return new Map(rows.map(({ id, name }) => [id, name]));
    },
    async heldDeletions(account) {
      const rows = await database<{ id: string }[]>`
        select distinct link.external_id as id from webhook_event_effects effect
        join record_links link on link.record_id = effect.record_id and link.connection_id = effect.connection_id
        where effect.connection_id = ${accounts[account]!.connectionId} and effect.reason = 'many-deletions'`;
      return new Set(rows.map(({ id }) => id));
    },
    approveDeletions: (account) => approveDeletions(system, accounts[account]!),
  };
}

/** A full run finds what is gone at the provider, and waits for a person if that is much. */
async function approveDeletions(
  { api }: Pick<System, 'api'>,
  { venueId, connectionId }: Pick<Account, 'venueId' | 'connectionId'>,
): Promise<void> {
  const { id, mode } = await api.start(venueId, { connectionId, direction: 'pull' });
  if (mode !== 'full') {
    // The start has joined the run of a schedule, which looks for no deletions.
    await api.finished(venueId, id, APPROVAL_LIMIT_MS);
    return approveDeletions({ api }, { venueId, connectionId });
  }
  const { finishedAt } = await api.reached(venueId, id, {
    what: 'waits for approval or is over',
    when: (run) => run.phase === 'awaiting-approval' || run.finishedAt !== null,
    limitMs: APPROVAL_LIMIT_MS,
  });
  if (finishedAt === null) await api.tryPost(`/v1/venues/${venueId}/syncs/${id}/approve`, {});
  const { outcome } = await api.finished(venueId, id, APPROVAL_LIMIT_MS);
  if (outcome !== 'completed') throw new Error(`the run that deletes ended as ${outcome}`);
}

async function countApplications(database: System['database']): Promise<void> {
  await database`create table fault_run_applications (event_id uuid primary key, times int not null)`;
  await database.unsafe(`
    create function count_application() returns trigger language plpgsql security definer as $$
    begin
      insert into public.fault_run_applications values (new.event_id, 1)
      on conflict (event_id) do update set times = fault_run_applications.times + 1;
      return null;
    end $$;
    create trigger count_application after insert or update on webhook_event_effects
      for each row execute function count_application()`);
}

/** Effects of an event for a connection to another account than the event's. */
export async function countCrossings({ database }: System): Promise<number> {
  const [row] = await database<{ crossed: number }[]>`
    select count(*)::int as crossed from webhook_event_effects
    join webhook_events event on event.id = event_id join connections on connections.id = connection_id
    where connections.external_account_id is distinct from event.external_account_id`;
  return row?.crossed ?? -1;
}

/** One that stopped because a process that it needs was killed is killed once it is up again. */
const kill = (system: System, service: Killed) =>
  until(() => system.kill(service).catch(() => null), { limitMs: RESTART_LIMIT_MS, what: `${service} is up again` });

const pause = (system: System, service: Killed, ms: number) =>
  until(
    () =>
      system.pause(service, ms).then(
        () => true,
        () => null,
      ),
    {
      limitMs: RESTART_LIMIT_MS,
      what: `${service} can be paused`,
    },
  );

/** The provider's objects cannot be read for a while. */
async function outage(accounts: Ground['accounts']): Promise<void> {
  const match = { method: 'GET', path: '/v1/customers/' };
  for (const { provider } of accounts) await provider.fault({ match, kind: 'status', status: 500 });
  await sleep(OUTAGE_MS);
  for (const { provider } of accounts) await provider.clearFaults();
}

/** The API dies with wake-ups that it owes for events that it has acknowledged. */
async function loseWakeUps(system: System): Promise<void> {
  const paused = pause(system, 'temporal', LOST_WAKE_UPS_MS * 2);
  await sleep(LOST_WAKE_UPS_MS);
  await Promise.all([paused, kill(system, 'api')]);
}
