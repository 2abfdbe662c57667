import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createBudgetStore } from '../../db/budgets/budget-store.ts';
import type { BudgetStore } from '../../db/budgets/budget-store.ts';
import { withExclusiveWrites } from '../../providers/limits/exclusive-writes.ts';
import type { ExclusiveWriteOptions } from '../../providers/limits/exclusive-writes.ts';
import type { MappedRecord, ProviderRecord, ProviderSession, ResourceWriter } from '../../providers/provider.ts';
import { until } from '../support/eventually.ts';
import { createTestDatabase } from '../support/services/database.ts';
import type { TestDatabase } from '../support/services/database.ts';

const MAPPED: MappedRecord = { payload: {}, problems: [] };
const OPTIONS = { idempotencyKey: 'k', clearedMetadataKeys: [], externalState: null };
const RECORD: ProviderRecord = { externalId: 'x', version: 1, deleted: false, recordId: null, fields: null };

let database: TestDatabase;
let budget: BudgetStore;
let accounts = 0;
let sessions = 0;
const anAccount = () => `square/sandbox/ML${(accounts += 1)}`;
const within = { limitMs: 20_000 };

beforeAll(async () => {
  database = await createTestDatabase();
  budget = createBudgetStore(database.db);
});
afterAll(() => database.drop());

/** A provider's account that counts the writes under way. The n-th write lasts until `work(n)` has ended. */
function aProvider(work: (nth: number) => Promise<unknown> = () => new Promise((done) => setImmediate(done))) {
  const started: string[] = [];
  let [underWay, most] = [0, 0];
  async function write<T>(name: string, result: T): Promise<T> {
    started.push(name);
    most = Math.max(most, (underWay += 1));
    try {
      await work(started.length);
      return result;
    } finally {
      underWay -= 1;
    }
  }
  return { started, most: () => most, write };
}
type TestProvider = ReturnType<typeof aProvider>;

const writerOn = ({ write }: TestProvider, name: string, exclusive: string | null = 'catalogue'): ResourceWriter => ({
  ...(exclusive !== null && { exclusive }),
  create: () => write(name, RECORD),
  update: () => write(name, RECORD),
  archive: () => write(name, 'archived' as const),
  findRemote: () => Promise.resolve({ found: null, after: null }),
  batch: { size: 10, create: () => write(name, [RECORD]), update: () => write(name, [RECORD]) },
});

const sessionOf = (writer: ResourceWriter): ProviderSession => ({
  account: () => Promise.reject(new Error('not asked')),
  newestChangeEpochS: () => Promise.resolve(null),
  resource: () => ({
    listPage: () => Promise.reject(new Error('not asked')),
    count: () => Promise.resolve(null),
    versionOf: (askedAtMs) => askedAtMs,
    retrieve: () => Promise.resolve(null),
    writer,
  }),
});

/** The writer of a new session at the account. */
function openWriter(
  accountKey: string,
  writer: ResourceWriter,
  more: Partial<ExclusiveWriteOptions> = {},
): ResourceWriter {
  const holder = { holder: `session ${(sessions += 1)}` };
  const session = withExclusiveWrites(sessionOf(writer), {
    ...{ provider: 'square', budget, accountKey, holder, maxWaitMs: 5_000 },
    ...more,
  });
  const opened = session.resource('products').writer;
  if (!opened) throw new Error('the session has a writer');
  return opened;
}

const hold = (accountKey: string, holder = 'another session', part = 'catalogue') =>
  budget.acquireLease(`${accountKey}/${part}`, { holder, slots: 1, maxSlots: 1, ttlMs: 600_000 });
const leases = async (accountKey: string) =>
  (await database.admin`select key from provider_leases where key like ${`${accountKey}/%`} order by key`).map(
    (row) => row['key'] as string,
  );

const everyWrite = (writer: ResourceWriter): readonly (() => Promise<unknown>)[] => [
  () => writer.create(MAPPED, OPTIONS),
  () => writer.update('x', MAPPED, OPTIONS),
  () => writer.archive('x', OPTIONS),
  async () => writer.batch?.create([{ mapped: MAPPED, idempotencyKey: 'k' }], OPTIONS),
  async () => writer.batch?.update([{ externalId: 'x', mapped: MAPPED, ...OPTIONS }], OPTIONS),
];

describe('an exclusive writer', () => {
  it('never overlaps with another session of its account, nor with itself, by whichever write', async () => {
    const provider = aProvider();
    const account = anAccount();
    const writers = ['one', 'other'].map((name) => openWriter(account, writerOn(provider, name)));
    await Promise.all(writers.flatMap(everyWrite).map((write) => write()));
    expect(provider.most()).toBe(1);
    expect(provider.started).toHaveLength(10);
    expect(await leases(account)).toEqual([]);
  });

  it('overlaps where the adapter declares nothing', async () => {
    const both = Promise.withResolvers<undefined>();
    const provider = aProvider((nth) => {
      if (nth === 2) both.resolve(undefined);
      return both.promise;
    });
    const account = anAccount();
    const writer = openWriter(account, writerOn(provider, 'a write', null));
    await Promise.all([writer, writer].map((one) => one.archive('x', OPTIONS)));
    expect(provider.most()).toBe(2);
  });

  it('waits neither for another account nor for another part of its own', async () => {
    const account = anAccount();
    const held = Promise.withResolvers<undefined>();
    const busy = aProvider(() => held.promise);
    const others = [
      openWriter(account, writerOn(busy, 'another part', 'price-lists')).archive('x', OPTIONS),
      openWriter(anAccount(), writerOn(busy, 'another account')).archive('x', OPTIONS),
    ];
    await until(() => busy.started.length === 2, { ...within, what: 'both others write' });
    const writer = openWriter(account, writerOn(aProvider(), 'a write'), { maxWaitMs: 0 });
    expect(await writer.archive('x', OPTIONS)).toBe('archived');
    held.resolve(undefined);
    await Promise.all(others);
  });

  it('gives up as rate-limited after its wait, together with the writes that queue behind it, and writes nothing', async () => {
    const [account, provider] = [anAccount(), aProvider()];
    await hold(account);
    const writer = openWriter(account, writerOn(provider, 'a write'), { maxWaitMs: 50 });
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => writer.archive('x', OPTIONS)));
    expect(outcomes).toMatchObject(
      [1, 2, 3].map(() => ({
        reason: { details: { kind: 'rate-limited', code: 'another-writer', retryAfterMs: 5_000 } },
      })),
    );
    expect(provider.started).toEqual([]);
    expect(await leases(account)).toEqual([`${account}/catalogue`]);
  });

  it('stops waiting when its session is cancelled', async () => {
    const [account, provider, stop] = [anAccount(), aProvider(), new AbortController()];
    await hold(account);
    const writer = openWriter(account, writerOn(provider, 'a write'), { signal: stop.signal, maxWaitMs: 600_000 });
    const waiting = expect(writer.archive('x', OPTIONS)).rejects.toMatchObject({ name: 'AbortError' });
    await until(async () => (await leases(account)).length === 2, { ...within, what: 'the write waits' });
    stop.abort();
    await waiting;
    expect(provider.started).toEqual([]);
    expect(await leases(account)).toEqual([`${account}/catalogue`]);
  });

  it('releases the lease after a write that fails', async () => {
    const account = anAccount();
    const writer = openWriter(
      account,
      writerOn(
        aProvider(() => Promise.reject(new Error('refused'))),
        'a write',
      ),
    );
    await expect(writer.archive('x', OPTIONS)).rejects.toThrow('refused');
    expect(await leases(account)).toEqual([]);
    const other = openWriter(account, writerOn(aProvider(), 'another'), { maxWaitMs: 0 });
    expect(await other.archive('x', OPTIONS)).toBe('archived');
  });

  it('lets a waiting session write before it writes again itself', async () => {
    const first = Promise.withResolvers<undefined>();
    const provider = aProvider((nth) => (nth === 1 ? first.promise : Promise.resolve()));
    const account = anAccount();
    const busy = openWriter(account, writerOn(provider, 'busy'));
    const writes = [1, 2, 3].map(() => busy.archive('x', OPTIONS));
    await until(() => provider.started.length === 1, { ...within, what: 'the first write has begun' });
    const waiting = openWriter(account, writerOn(provider, 'waiting')).archive('x', OPTIONS);
    await until(async () => (await leases(account)).includes(`${account}/catalogue/next`), {
      ...within,
      what: 'the other session waits',
    });
    first.resolve(undefined);
    await Promise.all([...writes, waiting]);
    expect(provider.started).toEqual(['busy', 'waiting', 'busy', 'busy']);
  });

  it('takes over at once the lease that an earlier attempt of its run has left', async () => {
    const account = anAccount();
    await hold(account, 'a run');
    await hold(account, 'a run', 'catalogue/next');
    const writer = openWriter(account, writerOn(aProvider(), 'a write'), { holder: { holder: 'a run' }, maxWaitMs: 0 });
    expect(await writer.archive('x', OPTIONS)).toBe('archived');
  });

  it('takes over a lease that has ended', async () => {
    const account = anAccount();
    await hold(account);
    await database.admin`update provider_leases set expires_at = now() - interval '1 second' where key like ${`${account}/%`}`;
    const writer = openWriter(account, writerOn(aProvider(), 'a write'), { maxWaitMs: 0 });
    expect(await writer.archive('x', OPTIONS)).toBe('archived');
  });

  it('answers as the write did when the lease can be neither renewed nor released', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      const away = () => Promise.reject(new Error('the database is away'));
      const renewLease = vi.fn<BudgetStore['renewLease']>(away);
      const write = Promise.withResolvers<undefined>();
      const provider = aProvider(() => write.promise);
      const writer = openWriter(anAccount(), writerOn(provider, 'a write'), {
        budget: { ...budget, renewLease, releaseLease: away },
      });
      const written = writer.archive('x', OPTIONS);
      await until(() => provider.started.length === 1, { ...within, what: 'the write has begun' });
      vi.advanceTimersByTime(30_000);
      expect(renewLease.mock.calls.length).toBeGreaterThan(1);
      write.resolve(undefined);
      expect(await written).toBe('archived');
      renewLease.mockClear();
      vi.advanceTimersByTime(30_000);
      expect(renewLease).not.toHaveBeenCalled();
    } finally {
      vi.useRealTimers();
    }
  });
});
