import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PROVIDERS, RESOURCES } from '../../contracts/providers.ts';
import type { ProviderId, Resource } from '../../contracts/providers.ts';
import type { CustomerFields } from '../../contracts/records.ts';
import { fingerprintOf } from '../../domain/fingerprint.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type { ListQuery, ProviderAdapter, ProviderPage, ProviderRecord, ResourceSession } from '../../providers/provider.ts';
import { createProviders } from '../../providers/registry.ts';
import type { Secret } from '../../vault/secret.ts';
import { SANDBOXES } from './sandboxes.ts';
import type { RunningSandbox, Trouble } from './sandboxes.ts';

const NO_BUDGET = { reserve: () => Promise.reject(new Error('adapters do not pace themselves')), throttle: never, acquireLease: never, renewLease: never, releaseLease: never };
function never(): Promise<never> {
  return Promise.reject(new Error('adapters do not pace themselves'));
}

const registryOf = (config: RunningSandbox['config']) => createProviders({ stripe: { apiUrl: 'http://127.0.0.1:1', requestsPerSecond: null }, ...config }, NO_BUDGET);
const SPOKEN = PROVIDERS.filter((provider) => registryOf({}).find(provider) !== null);
const DAY_S = 86_400;

describe('the registry', () => {
  it('speaks at least one provider, and each has a stand-in to prove itself against', () => {
    expect(SPOKEN.length).toBeGreaterThan(0);
    expect(Object.keys(SANDBOXES).sort()).toEqual([...SPOKEN].sort());
  });
});

describe.each(SPOKEN)('the adapter of %s', (provider) => {
  let sandbox: RunningSandbox;
  let adapter: ProviderAdapter;

  beforeAll(async () => {
    sandbox = await startSandbox(provider);
    const found = registryOf(sandbox.config).find(provider);
    if (found === null) throw new Error(`the registry has no ${provider}`);
    adapter = found;
  });
  afterAll(() => sandbox.close());
  beforeEach(() => sandbox.reset());

  const open = (secretKey: Secret = sandbox.secretKey, signal?: AbortSignal) => adapter.open({ secretKey, signal });
  const resourcesWith = (direction: 'push' | 'pull') => declaredOf(provider).filter(({ directions }) => directions.includes(direction)).map(({ resource }) => resource);

  it('declares who it is and limits that a budget can be made of', () => {
    const { capabilities } = adapter;
    expect(capabilities).toMatchObject({ provider, displayName: expect.stringMatching(/^[A-Z]/) as string });
    expect(capabilities.connect.length).toBeGreaterThan(0);
    for (const { requestsPerSecond, concurrency } of Object.values(capabilities.limits)) {
      expect(requestsPerSecond).toBeGreaterThan(0);
      expect(concurrency).toBeGreaterThanOrEqual(1);
    }
  });

  it('serves the resources that it declares, each in what its directions need, and no other', () => {
    for (const resource of RESOURCES) {
      const declared = declaredOf(provider).find((one) => one.resource === resource);
      if (!declared) {
        expect(() => open().resource(resource)).toThrow(resource);
        expect(() => adapter.mapping(resource)).toThrow(resource);
        continue;
      }
      const session = open().resource(resource);
      if (declared.directions.includes('pull')) expect(session.listPage).toBeTypeOf('function');
      if (declared.directions.includes('push')) expect(session).toMatchObject({ create: expect.any(Function) as object, update: expect.any(Function) as object });
      expect(adapter.mapping(resource).toPayload(aRecord()).problems).toEqual([]);
    }
  });

  it('says whose key it is with one call', async () => {
    const account = await open().account();
    expect(account).toMatchObject({ externalAccountId: expect.stringMatching(/./) as string, environment: 'sandbox' });
    expect(await sandbox.requests()).toBe(1);
    expect((await open().account()).externalAccountId).toBe(account.externalAccountId);
  });

  describe.each(resourcesWith('pull'))('reading %s', (resource) => {
    const session = (signal?: AbortSignal) => open(undefined, signal).resource(resource);

    it('answers an empty page where there is nothing', async () => {
      expect(await session().listPage(allTime())).toEqual({ records: [], after: null, oldestEpochS: null });
    });

    it('brings every record once, newest first, one call a page', async () => {
      const ids = await sandbox.seed(resource, 257);
      const pages = await readAll(session(), allTime());
      expect(idsOf(pages).sort()).toEqual([...ids].sort());
      expect(await sandbox.requests()).toBe(pages.length);
      const oldest = pages.map(({ oldestEpochS }) => oldestEpochS ?? 0);
      expect(oldest).toEqual([...oldest].sort((a, b) => b - a));
    });

    it('misses nothing that was there when the walk began, while others are created', async () => {
      const ids = await sandbox.seed(resource, 250);
      const pages = await readAll(session(), allTime(), () => session().create(adapter.mapping(resource).toPayload(aRecord()), aKey()));
      expect(pages.length).toBeGreaterThan(1);
      expect(new Set(idsOf(pages)).size).toBe(idsOf(pages).length);
      expect(idsOf(pages)).toEqual(expect.arrayContaining([...ids]));
    });

    it('brings the parts of a listing without gap or overlap where it is cut in time', async () => {
      const ids = await sandbox.seed(resource, 120);
      const [first] = await readAll(session(), allTime());
      const cut = first?.oldestEpochS ?? 0;
      const parts = [await readAll(session(), { ...allTime(), fromEpochS: cut }), await readAll(session(), { ...allTime(), toEpochS: cut })];
      expect(parts.flatMap(idsOf).sort()).toEqual([...ids].sort());
    });

    it('gives a later reading a version that is not older', async () => {
      await sandbox.seed(resource, 1);
      const first = (await session().listPage(allTime())).records[0];
      const second = (await session().listPage(allTime())).records[0];
      expect(second?.version).toBeGreaterThanOrEqual(first?.version ?? Infinity);
      expect(first).toMatchObject({ deleted: false, recordId: null, fields: expect.any(Object) as object });
    });

    it('tells changes and deletions newest first, if it has a change feed', async () => {
      const { listChanges } = session();
      if (!listChanges) return;
      const mapping = adapter.mapping(resource);
      const created = await session().create(mapping.toPayload(aRecord()), aKey());
      await session().update(created.externalId, mapping.toPayload(aRecord({ name: 'Renamed' })), aKey());
      await sandbox.remove(resource, created.externalId);
      const { records } = await listChanges(allTime());
      expect(records[0]).toMatchObject({ externalId: created.externalId, deleted: true });
      expect(records.find(({ deleted }) => !deleted)).toMatchObject({ externalId: created.externalId, fields: { name: 'Renamed' } });
      const versions = records.map(({ version }) => version);
      expect(versions).toEqual([...versions].sort((a, b) => b - a));
      expect((await session().listPage(allTime())).records).toEqual([]);
    });
  });

  describe.each(resourcesWith('push'))('writing %s', (resource) => {
    const session = (signal?: AbortSignal): ResourceSession => open(undefined, signal).resource(resource);
    const map = (record = aRecord()) => adapter.mapping(resource).toPayload(record);

    it('creates what retrieving and looking for it then find', async () => {
      const record = aRecord();
      const created = await session().create(map(record), aKey());
      expect(created).toMatchObject({ recordId: record.id, deleted: false });
      expect(await session().retrieve(created.externalId)).toMatchObject({ externalId: created.externalId, recordId: record.id, fields: created.fields });
      expect(await lookFor(session(), record)).toMatchObject({ externalId: created.externalId });
      expect(agreed(adapter, resource, { record, twin: created })).toBe(true);
    });

    it('creates once under one key, however often it is sent', async () => {
      const [record, key] = [aRecord(), aKey()];
      const first = await session().create(map(record), key);
      expect(await session().create(map(record), key)).toMatchObject({ externalId: first.externalId });
      expect(await sandbox.ids(resource)).toEqual([first.externalId]);
    });

    it('creates once when the first answer was lost', async () => {
      const [record, key] = [aRecord(), aKey()];
      await sandbox.trouble('reset-after-commit', 1);
      await expect(session().create(map(record), key)).rejects.toMatchObject({ details: { kind: 'unavailable' } });
      const second = await session().create(map(record), key);
      expect(await sandbox.ids(resource)).toEqual([second.externalId]);
    });

    it('finds the twin of a lost answer without its key, with and without an email', async () => {
      for (const email of ['ada@example.com', null]) {
        await sandbox.reset();
        const record = aRecord({ email });
        await sandbox.seed(resource, 3);
        await sandbox.trouble('reset-after-commit', 1);
        await session().create(map(record), aKey()).catch(() => undefined);
        expect(await lookFor(session(), record)).toMatchObject({ recordId: record.id });
        expect(await lookFor(session(), aRecord({ email }))).toBeNull();
      }
    });

    it('updates every field, clears what is cleared, and keeps the id', async () => {
      const record = aRecord();
      const { externalId } = await session().create(map(record), aKey());
      const emptied = { ...record, fields: { ...NOTHING, name: 'Only a name' } };
      const updated = await session().update(externalId, map(emptied), { ...aKey(), clearedMetadataKeys: Object.keys(record.fields.metadata) });
      expect(updated.externalId).toBe(externalId);
      expect(agreed(adapter, resource, { record: emptied, twin: updated })).toBe(true);
      expect(agreed(adapter, resource, { record: emptied, twin: await session().retrieve(externalId) })).toBe(true);
    });

    it('has nothing to retrieve where there never was a record or is none any more, and refuses to update it', async () => {
      const { externalId } = await session().create(map(), aKey());
      await sandbox.remove(resource, externalId);
      expect(await session().retrieve(externalId)).toBeNull();
      await expect(session().update(externalId, map(), aKey())).rejects.toMatchObject({ details: { kind: 'rejected', httpStatus: 404 } });
    });

    it.each<[Trouble, string]>([
      ['server-error', 'unavailable'],
      ['page-instead-of-json', 'unavailable'],
      ['reset', 'unavailable'],
      ['too-many-requests', 'rate-limited'],
    ])('throws on %s what a caller can act on, after one request, and writes nothing', async (trouble, kind) => {
      await sandbox.trouble(trouble, 1);
      const error: unknown = await session().create(map(), aKey()).catch((cause: unknown) => cause);
      expect(error).toBeInstanceOf(ProviderError);
      expect((error as ProviderError).details).toMatchObject({ provider, kind });
      expect(await sandbox.requests()).toBe(1);
      expect(await sandbox.ids(resource)).toEqual([]);
    });

    it('says when a failure is only being repeated', async () => {
      const [record, key] = [aRecord(), aKey()];
      await sandbox.trouble('server-error-once-stored', 1);
      await expect(session().create(map(record), key)).rejects.toMatchObject({ details: { kind: 'unavailable', replayed: false } });
      await expect(session().create(map(record), key)).rejects.toMatchObject({ details: { kind: 'unavailable', replayed: true } });
      await expect(session().create(map(record), aKey())).resolves.toMatchObject({ recordId: record.id });
    });

    it('tells an unknown key from one that may not do enough', async () => {
      await expect(open(sandbox.unknownKey).account()).rejects.toMatchObject({ details: { kind: 'needs-reauth' } });
      await expect(open(sandbox.restrictedKey).resource(resource).create(map(), aKey())).rejects.toMatchObject({ details: { kind: 'rejected', httpStatus: 403 } });
    });

    it('stops with its signal', async () => {
      await expect(session(AbortSignal.abort()).create(map(), aKey())).rejects.toBeInstanceOf(ProviderError);
      expect(await sandbox.requests()).toBe(0);
    });
  });
});

function startSandbox(provider: ProviderId): Promise<RunningSandbox> {
  const start = SANDBOXES[provider];
  if (!start) throw new Error(`${provider} has no stand-in`);
  return start();
}

const declaredOf = (provider: ProviderId) => registryOf({}).find(provider)?.capabilities.resources ?? [];
const NOTHING: CustomerFields = { name: null, email: null, phone: null, address: null, marketingConsent: null, metadata: {} };

function aRecord(fields: Partial<CustomerFields> = {}) {
  const address = { line1: '1 High Street', line2: null, city: 'Bonn', region: null, postalCode: '53111', country: 'Germany' };
  return { id: randomUUID(), sourceId: 'c-1', fields: { name: 'Ada', email: 'ada@example.com', phone: '+49301', address, marketingConsent: true, metadata: { tier: 'gold' }, ...fields } };
}

const aKey = () => ({ idempotencyKey: `conformance-${randomUUID()}` });
const allTime = (): ListQuery => ({ fromEpochS: null, toEpochS: Math.floor(Date.now() / 1_000) + DAY_S, after: null });
const idsOf = (pages: readonly ProviderPage[]) => pages.flatMap(({ records }) => records).map(({ externalId }) => externalId);

/** Walks a part of a listing to its end, at most 50 pages. */
async function readAll(session: ResourceSession, part: ListQuery, between: () => Promise<unknown> = () => Promise.resolve()): Promise<readonly ProviderPage[]> {
  const pages: ProviderPage[] = [];
  let after: string | null = null;
  do {
    const page: ProviderPage = await session.listPage({ ...part, after });
    pages.push(page);
    after = page.after;
    if (after !== null) await between();
  } while (after !== null && pages.length < 50);
  return pages;
}

async function lookFor(session: ResourceSession, record: ReturnType<typeof aRecord>): Promise<ProviderRecord | null> {
  const hint = { recordId: record.id, email: record.fields.email, createdSinceEpochS: Math.floor(Date.now() / 1_000) - 600 };
  let after: string | null = null;
  do {
    const search: Awaited<ReturnType<ResourceSession['findTwin']>> = await session.findTwin({ ...hint, after });
    if (search.found) return search.found;
    after = search.after;
  } while (after !== null);
  return null;
}

/** Whether a record and its twin would be pushed as the same. */
function agreed(adapter: ProviderAdapter, resource: Resource, { record, twin }: { record: ReturnType<typeof aRecord>; twin: ProviderRecord | null }): boolean {
  const map = adapter.mapping(resource);
  const fields = twin?.fields;
  return fields != null && fingerprintOf(map.toPayload({ ...record, fields }).payload) === fingerprintOf(map.toPayload(record).payload);
}
