import type { Client } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { applyEvents } from '../../../activities/inbox/apply-events.ts';
import type { ApplyingDeps } from '../../../activities/inbox/apply-events.ts';
import { createInboxActivities } from '../../../activities/inbox/drain-inbox.ts';
import type { ConnectionId, WebhookEventId } from '../../../contracts/ids.ts';
import { openDatabase } from '../../../db/core/venue-scope.ts';
import type { Database } from '../../../db/core/venue-scope.ts';
import { createInboxStore, EventTakenError, PartitionTakenOverError } from '../../../db/webhooks/inbox-store.ts';
import type { InboxStore } from '../../../db/webhooks/inbox-store.ts';
import { MAX_EVENT_ATTEMPTS, pauseBeforeRetryMs } from '../../../domain/inbox/event-retry.ts';
import { registry } from '../../../telemetry/metrics.ts';
import { watchInbox } from '../../../telemetry/provider-metrics.ts';
import { aVenue } from '../../db/builders.ts';
import { applyingDeps } from '../../support/inbox.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { createTestProviders } from '../../support/test-providers.ts';
import { NO_BUDGET } from '../../providers/oauth/oauth-world.ts';

const PARTITION = 1;

let database: TestDatabase;
let inbox: InboxStore;
/** Connections whose token manager was told, and those that cannot be told, by the error that this throws. */
let told: ConnectionId[];
let failing: Map<ConnectionId, Error>;

beforeAll(async () => {
  database = await createTestDatabase();
  inbox = createInboxStore(database.eventDb);
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.admin`truncate webhook_events cascade`;
  told = [];
  failing = new Map();
});

const deps = (): ApplyingDeps =>
  applyingDeps(database, {
    providers: createTestProviders({}, NO_BUDGET),
    log: { info: () => undefined, warn: () => undefined },
    async signalRevoked({ connectionId }) {
      const error = failing.get(connectionId);
      if (error) throw error;
      told.push(connectionId);
    },
  });

async function aGrant(account: string): Promise<ConnectionId> {
  const [venueId, connectionId] = [await aVenue(database.db), uuidv7() as ConnectionId];
  await database.admin`insert into connections (id, venue_id, provider, environment, state, external_account_id, flow) values (${connectionId}, ${venueId}, 'square', 'sandbox', 'active', ${account}, 'code')`;
  await database.admin`insert into oauth_tokens (connection_id, venue_id, sealed_tokens) values (${connectionId}, ${venueId}, ${Buffer.from('sealed')})`;
  return connectionId;
}

const keep = (account: string | null, { type = 'oauth.authorization.revoked', provider = 'square' } = {}) =>
  inbox.keep([
    {
      ...{ provider, endpoint: 'app', eventKey: uuidv7(), type, partition: PARTITION },
      account: account === null ? null : { environment: 'sandbox', externalAccountId: account },
      body: Buffer.from('{}'),
      headers: {},
    },
  ]);
const states = () =>
  database.admin<{ account: string | null; state: string; attempts: number; code: string | null }[]>`
    select external_account_id as account, state, attempts, error_code as code from webhook_events order by external_account_id nulls last`;
const handle = async () => {
  const lease = await inbox.takeOver(PARTITION);
  await applyEvents(deps(), (work) => inbox.settle(lease, work), await inbox.listDue(PARTITION, 100));
};
/** What the Schedule starts every minute; no workflow is there to be woken. */
const sweep = () => {
  const client = {
    workflow: { signalWithStart: () => Promise.resolve() },
    withAbortSignal: (_signal: AbortSignal, run: () => Promise<unknown>) => run(),
  } as unknown as Client;
  const { wakeOverduePartitions } = createInboxActivities({ ...applyingDeps(database, deps()), chunkMs: 1_000 });
  return new MockActivityEnvironment({}, { client }).run(wakeOverduePartitions);
};
/** Handles one failing event once more, as its own workflow does. */
const handleFailing = async (id: WebhookEventId) => {
  const event = (await inbox.findFailing(id))!;
  return applyEvents(deps(), (work) => inbox.settleFailing(event, work), [event]);
};

describe('a batch of events', () => {
  it('is not held up by one that fails, which is tried again later', async () => {
    const [bad, good] = [await aGrant('M1'), await aGrant('M2')];
    failing.set(bad, new TypeError('a defect'));
    await keep('M1');
    await keep('M2');
    await keep('M3', { type: 'labor.shift.created' });
    await handle();
    expect(told).toEqual([good]);
    expect(await states()).toEqual([
      { account: 'M1', state: 'retrying', attempts: 1, code: 'internal' },
      { account: 'M2', state: 'applied', attempts: 1, code: null },
      { account: 'M3', state: 'ignored', attempts: 1, code: null },
    ]);
    expect(await inbox.listDue(PARTITION, 100)).toEqual([]);
    expect(await inbox.nextDueInMs(PARTITION)).toBeNull();
  });

  it('makes an event dead after its last attempt, and one without an account at once', async () => {
    failing.set(await aGrant('M4'), new TypeError('a defect'));
    await keep('M4');
    await keep(null);
    await handle();
    const [event] = await database.admin<{ id: WebhookEventId }[]>`
      select id from webhook_events where external_account_id = 'M4'`;
    for (let attempt = 2; attempt <= MAX_EVENT_ATTEMPTS; attempt += 1) await handleFailing(event!.id);
    expect(await states()).toEqual([
      { account: 'M4', state: 'dead', attempts: MAX_EVENT_ATTEMPTS, code: 'internal' },
      { account: null, state: 'dead', attempts: 1, code: 'account-missing' },
    ]);
  });

  it('ignores one at a connection’s own address that names another account, which no operator has to look at', async () => {
    const own = await aGrant('M7');
    const event = { eventKey: uuidv7(), type: 'oauth.authorization.revoked', partition: PARTITION, headers: {} };
    await inbox.keep([{ ...event, provider: 'square', endpoint: own, account: null, body: Buffer.from('{}') }]);
    await handle();
    expect(await states()).toEqual([{ account: null, state: 'ignored', attempts: 1, code: null }]);
    expect(await inbox.countUnfinished()).toEqual([]);
    expect(told).toEqual([]);
  });

  it('leaves a backlog whose first and last event tell how long they have waited', async () => {
    expect(await inbox.readBacklog(PARTITION)).toBeNull();
    await keep('M5');
    await database.admin`update webhook_events set due_at = now() - interval '9 seconds'`;
    await keep('M6');
    const backlog = await inbox.readBacklog(PARTITION);
    expect(backlog?.oldestMs).toBeGreaterThanOrEqual(9_000);
    expect(backlog?.newestMs).toBeLessThan(9_000);
    // An event that waits for its next attempt is not due.
    await database.admin`update webhook_events set due_at = now() + interval '1 hour'`;
    expect(await inbox.readBacklog(PARTITION)).toBeNull();
  });

  it('keeps an event of a provider whose adapter takes none for later, and the sweep leaves it there', async () => {
    await keep('x', { provider: 'paypal', type: 'subscribe' });
    await handle();
    expect(await states()).toMatchObject([{ state: 'waiting-for-adapter' }]);
    await sweep();
    expect(await states()).toMatchObject([{ state: 'waiting-for-adapter' }]);
  });

  it('is joined by events from before the adapter took any, which the sweep releases', async () => {
    await keep('x', { type: 'labor.shift.created' });
    await database.admin`update webhook_events set state = 'waiting-for-adapter', attempts = 1`;
    expect(await sweep()).toMatchObject({ woken: [PARTITION] });
    expect(await states()).toMatchObject([{ state: 'waiting', attempts: 0 }]);
    await handle();
    expect(await states()).toMatchObject([{ state: 'ignored' }]);
  });

  it('is left as it is while Temporal is away', async () => {
    // 14 is UNAVAILABLE: https://grpc.io/docs/guides/status-codes/ (2026-11-28).
    failing.set(await aGrant('M5'), Object.assign(new Error('away'), { code: 14 }));
    await keep('M5');
    await expect(handle()).rejects.toThrow('away');
    expect(await states()).toMatchObject([{ state: 'waiting', attempts: 0 }]);
  });

  it('is not marked by a drainer whose partition was taken over', async () => {
    await aGrant('M6');
    await keep('M6');
    const zombie = await inbox.takeOver(PARTITION);
    const events = await inbox.listDue(PARTITION, 100);
    await inbox.takeOver(PARTITION);
    await expect(applyEvents(deps(), (work) => inbox.settle(zombie, work), events)).rejects.toThrow(
      PartitionTakenOverError,
    );
    await expect(inbox.fallAsleep(zombie)).rejects.toThrow(PartitionTakenOverError);
    expect(await states()).toMatchObject([{ state: 'waiting', attempts: 0 }]);
    expect(await database.admin`select from webhook_event_effects`).toEqual([]);
  });
});

describe('the inbox', () => {
  it('has connections that keep plans by index, while others plan for the values at hand', async () => {
    const plans = async (at: Pick<Database, 'execute'>) => {
      const [row] = await at.execute(sql`
        select current_setting('plan_cache_mode') as cached, current_setting('enable_seqscan') as scans,
          current_setting('enable_hashjoin') as hashes, current_setting('enable_mergejoin') as merges`);
      return row;
    };
    await inbox.settle(await inbox.takeOver(PARTITION), async (tx) => {
      expect(await plans(tx)).toEqual({ cached: 'force_generic_plan', scans: 'off', hashes: 'off', merges: 'off' });
      return [];
    });
    expect(await plans(database.db)).toEqual({ cached: 'force_custom_plan', scans: 'on', hashes: 'on', merges: 'on' });
  });

  it('waits for the disk when it stores an event, and not when it marks what can be handled again', async () => {
    const { url } = database;
    const db = openDatabase({ url, maxConnections: 1, keepsPlans: true, applicationName: 'commits' });
    const store = createInboxStore(db);
    const waits = async (at: Pick<Database, 'execute'>) => {
      const [row] = await at.execute<{ waits: string }>(sql`select current_setting('synchronous_commit') as waits`);
      return row?.waits;
    };
    // The servers of tests do not wait for the disk.
    await db.execute(sql`set synchronous_commit = on`);
    try {
      await store.settle(await store.takeOver(PARTITION), async (tx) => {
        expect(await waits(tx)).toBe('off');
        return [];
      });
      expect(await waits(db)).toBe('on');
    } finally {
      await db.$client.end();
    }
  });

  it('wakes once per change from idle to busy, however many ask', async () => {
    await inbox.fallAsleep(await inbox.takeOver(PARTITION));
    const woken = await Promise.all(Array.from({ length: 20 }, () => inbox.markAwake([PARTITION])));
    expect(woken.flat()).toHaveLength(1);
  });

  it('stores one of ten equal events that arrive at once', async () => {
    const event = {
      ...({
        provider: 'square',
        endpoint: 'app',
        eventKey: 'evt',
        type: 't',
        partition: PARTITION,
        account: null,
      } as const),
      body: Buffer.from('{}'),
      headers: {},
    };
    const kept = await Promise.all(Array.from({ length: 10 }, () => inbox.keep([event])));
    expect(kept.flat().filter(Boolean)).toHaveLength(1);
  });

  it('is shown in metrics by state, with the age of the oldest event', async () => {
    await keep('M8');
    await keep('M9', { type: 'labor.shift.created' });
    await handle();
    await keep('M8');
    await database.admin`update webhook_events set received_at = now() - interval '1 hour' where state = 'waiting'`;
    watchInbox(inbox);
    const text = await registry.metrics();
    expect(text).toContain('interlock_webhook_events{provider="square",state="waiting"} 1');
    expect(text).toMatch(/interlock_webhook_oldest_event_seconds\{provider="square",state="waiting"\} 36\d\d/);
    expect(text).not.toMatch(/interlock_webhook_events\{.*"(applied|ignored)"/);
  });

  it('lists a partition as overdue only while its events wait for too long', async () => {
    await keep('M7');
    expect(await inbox.listOverdue(10_000)).toEqual([]);
    await database.admin`update webhook_events set due_at = now() - interval '11 seconds'`;
    expect(await inbox.listOverdue(10_000)).toEqual([PARTITION]);
    await handle();
    expect(await inbox.listOverdue(10_000)).toEqual([]);
  });
});

describe('a failing event', () => {
  it('is left alone by its workflow when a replay was faster', async () => {
    const connection = await aGrant('M10');
    failing.set(connection, new TypeError('a defect'));
    await keep('M10');
    await handle();
    const [row] = await database.admin<{ id: WebhookEventId }[]>`select id from webhook_events`;
    const event = (await inbox.findFailing(row!.id))!;
    await database.admin`update webhook_events set state = 'waiting', attempts = 0`;
    failing.clear();
    const late = applyEvents(deps(), (work) => inbox.settleFailing(event, work), [event]);
    await expect(late).rejects.toThrow(EventTakenError);
    expect(await states()).toMatchObject([{ state: 'waiting', attempts: 0 }]);
  });

  it('is found when nobody processes it', async () => {
    failing.set(await aGrant('M11'), new TypeError('a defect'));
    await keep('M11');
    await handle();
    expect(await inbox.listUnprocessed(60_000, 10)).toEqual([]);
    await database.admin`update webhook_events set due_at = now() - interval '2 minutes'`;
    expect(await inbox.listUnprocessed(60_000, 10)).toMatchObject([{ attempts: 1 }]);
    expect(await inbox.listOverdue(0)).toEqual([]);
  });
});

describe('the pause before another attempt', () => {
  it('doubles from a second five times, then is slow, and ends', () => {
    expect([1, 2, 3, 4, 5, 6].map(pauseBeforeRetryMs)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 60_000]);
    expect(pauseBeforeRetryMs(MAX_EVENT_ATTEMPTS)).toBeNull();
  });
});
