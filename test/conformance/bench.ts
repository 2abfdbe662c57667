import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { PROVIDERS } from '../../providers/registry.ts';
import type { ProviderId, Resource } from '../../contracts/providers.ts';
import { fingerprintOf, withNamesOf } from '../../domain/sync/fingerprint.ts';
import type {
  Call,
  ListQuery,
  MappableRecord,
  ProviderAdapter,
  ProviderPage,
  ProviderRecord,
  ResourceSession,
  ResourceWriter,
} from '../../providers/provider.ts';
import { createTestProviders } from '../support/test-providers.ts';
import type { Secret } from '../../vault/secret.ts';
import { listReferencesIn } from '../../domain/sync/list-references.ts';
import { RECORD_KINDS } from '../../records/registry.ts';
import type { KnownIds } from './running-sandbox.ts';
import { SANDBOXES } from './sandboxes.ts';
import type { RunningSandbox } from './sandboxes.ts';

const NO_BUDGET = {
  reserve: never,
  reserveMany: never,
  throttle: never,
  admit: never,
  learn: never,
  acquireLease: never,
  renewLease: never,
  releaseLease: never,
};
function never(): Promise<never> {
  return Promise.reject(new Error('adapters do not pace themselves'));
}

const registryOf = (config: RunningSandbox['config']) =>
  createTestProviders({ stripe: { apiUrl: 'http://127.0.0.1:1', requestsPerSecond: null }, ...config }, NO_BUDGET);
/** Every provider whose records are synced. */
export const SPOKEN = PROVIDERS.filter(({ resources }) => resources.length > 0).map(({ id }) => id);
/** Those that records are written to as well. */
export const WRITTEN = PROVIDERS.filter(({ resources }) =>
  resources.some(({ directions }) => directions.includes('push')),
).map(({ id }) => id);
const DAY_S = 86_400;

export type Part = Omit<ListQuery, 'stream'>;

/**
 * One provider's adapter against its stand-in, for the tests of a `describe`. `addressFor` names what stands before the
 * stand-in.
 */
export function createBench(provider: ProviderId, addressFor = (apiUrl: string) => Promise.resolve(apiUrl)) {
  let sandbox: RunningSandbox;
  let adapter: ProviderAdapter = adapterOf(provider, {});
  let counted = 0;
  let known: KnownIds = {};

  beforeAll(async () => {
    sandbox = await startSandbox(provider);
    const settings = sandbox.config[provider as keyof typeof sandbox.config];
    const apiUrl = await addressFor(settings?.apiUrl ?? '');
    adapter = adapterOf(provider, { [provider]: { ...settings, apiUrl } });
  });
  afterAll(() => sandbox.close());
  beforeEach(async () => {
    await sandbox.reset();
    counted = 0;
    known = {};
  });
  // After every test: the budget counted every request and nothing else.
  afterEach(async () => {
    expect(await sandbox.requests()).toBe(counted);
  });

  const call: Call = (request) => {
    counted += 1;
    return request();
  };
  const declared = adapter.capabilities.resources;
  const open = (secretKey: Secret = sandbox.secretKey) =>
    adapter.open({ secretKey, onBehalfOf: sandbox.onBehalfOf, accounts: sandbox.accounts, call });
  const map = (resource: Resource, record: MappableRecord) =>
    adapter.mapping(resource).toPayload(naming(resource, record, known));
  return {
    declared,
    sandbox: () => sandbox,
    adapter: () => adapter,
    counted: () => counted,
    resourcesWith: (...directions: readonly ('push' | 'pull')[]) =>
      declared
        .filter((one) => directions.every((direction) => one.directions.includes(direction)))
        .map(({ resource }) => resource),
    open,
    map,
    /** Makes what records of the resource name. */
    prepare: async (resource: Resource) => {
      known = (await sandbox.prepare?.(resource)) ?? {};
    },
    /** A record with the provider's ids of those that it names. */
    naming: (resource: Resource, record: MappableRecord) => naming(resource, record, known),
    /** The id that the record's remote object carries. */
    carriedId: (resource: Resource, { id }: MappableRecord) => (sandbox.carriesOurId(resource) ? id : null),
    write: (resource: Resource): ResourceWriter => writerOf(open().resource(resource)),
    /** Whether a record and its remote record have the same payload, as far as the record does not leave it to the provider. */
    agreed: (resource: Resource, record: MappableRecord, remote: ProviderRecord | null) => {
      if (remote?.fields == null) return false;
      const { fields, refs, listRefs } = remote;
      const wanted = map(resource, record).payload;
      const held = map(resource, { ...record, fields, refs, listRefs }).payload;
      const { leavesAbsent } = adapter.mapping(resource);
      return fingerprintOf(leavesAbsent ? withNamesOf(wanted, held) : held) === fingerprintOf(wanted);
    },
  };
}

function naming(resource: Resource, record: MappableRecord, known: KnownIds): MappableRecord {
  const { references, listReferences: rules } = RECORD_KINDS.get(resource);
  const { refs, listRefs, fields } = record;
  const externalIdOf = (to: string, sourceId: unknown) => known[to]?.[String(sourceId)] ?? null;
  const named = Object.entries(references).map(([name, { to, field }]) => [
    name,
    field === null ? null : externalIdOf(to, fields[field]),
  ]);
  return {
    ...record,
    refs: refs ?? (Object.fromEntries(named) as MappableRecord['refs']),
    listRefs: listRefs ?? listReferencesIn({ rules, externalIdOf }, fields),
  };
}

function adapterOf(provider: ProviderId, config: RunningSandbox['config']): ProviderAdapter {
  const found = registryOf(config).find(provider);
  if (found === null) throw new Error(`the registry has no ${provider}`);
  return found;
}

function startSandbox(provider: ProviderId): Promise<RunningSandbox> {
  const start = SANDBOXES[provider];
  if (!start) throw new Error(`${provider} has no stand-in`);
  return start();
}

export function writerOf({ writer }: ResourceSession): ResourceWriter {
  if (writer === null) throw new Error('the resource is only read');
  return writer;
}

export const aKey = () => ({ idempotencyKey: `conformance-${randomUUID()}` });
/** Options of an update that follows this reading or write. */
export const changing = (remote: ProviderRecord | null) => ({
  ...aKey(),
  clearedMetadataKeys: [],
  externalState: remote?.externalState ?? null,
});
export const allTime = (): Part => ({
  fromEpochS: null,
  toEpochS: Math.floor(Date.now() / 1_000) + DAY_S,
  after: null,
});

/** Reads a part of a listing to its end, at most 50 pages. */
export async function readAll(
  session: ResourceSession,
  part: ListQuery,
  between: () => Promise<unknown> = () => Promise.resolve(),
): Promise<readonly ProviderPage[]> {
  const pages: ProviderPage[] = [];
  let after: ListQuery['after'] = null;
  do {
    const page: ProviderPage = await session.listPage({ ...part, after });
    pages.push(page);
    after = page.after;
    if (after !== null) await between();
  } while (after !== null && pages.length < 50);
  return pages;
}
