import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import postgres from 'postgres';
import { v7 as uuidv7 } from 'uuid';
import { createKeyRotationActivities } from '../activities/vault/key-rotation.ts';
import type { ConnectionId, VenueId } from '../contracts/ids.ts';
import type { RotationChunkResult, ConnectionSealContext, SealedSecret } from '../contracts/vault.ts';
import { createAuditStore } from '../db/core/audit-store.ts';
import { migrateUp } from '../db/core/migrate.ts';
import { createSecretRotationStore } from '../db/connections/secret-rotation-store.ts';
import { openDatabase } from '../db/core/venue-scope.ts';
import { startEmbeddedPostgres } from '../runtime/postgres/postgres.ts';
import { createLogger } from '../telemetry/logger.ts';
import { startKmsServer } from '../test/support/services/kms-server.ts';
import type { KeyringConfig } from '../vault/keyring.ts';
import { createOpener } from '../vault/opener.ts';
import { createResealer } from '../vault/resealer.ts';
import { createSealer } from '../vault/sealer.ts';
import { Secret } from '../vault/secret.ts';
import { round } from './support/report.ts';
import type { Row } from './support/report.ts';
import { withFolder } from './support/system.ts';

export interface VaultBenchOptions {
  readonly connections: number;
  readonly opensEach: number;
  /** Secrets to rotate, ten per venue. */
  readonly secrets: number;
  /** Latency of each call to the stand-in for KMS. */
  readonly kmsLatencyMs: number;
}

const OPEN_P95_LIMIT_MS = 5;
const STAMPEDE = 1_000;
const SECRETS_A_VENUE = 10;
const SEALED_AT_ONCE = 100;

type Kms = Awaited<ReturnType<typeof startKmsServer>>;

/**
 * Measures the vault with a stand-in for KMS in the same process, whose work therefore counts too, and the rotation
 * with a real Postgres.
 */
export async function benchVault(options: VaultBenchOptions): Promise<readonly Row[]> {
  process.env['AWS_ACCESS_KEY_ID'] ??= 'AKIDEXAMPLE';
  process.env['AWS_SECRET_ACCESS_KEY'] ??= 'not-a-real-secret';
  const kms = await startKmsServer({ latencyMs: options.kmsLatencyMs });
  try {
    return [...(await warmOpens(kms, options)), await stampede(kms), await rotation(kms, options)];
  } finally {
    await kms.stop();
  }
}

const keyringOf = (
  { endpoint, keyArn }: Kms,
  changes: { readonly keyId?: string; readonly otherKeyArns?: readonly string[] } = {},
): KeyringConfig => ({ kind: 'kms', keyId: keyArn, region: 'eu-central-1', endpoint, ...changes });
const aContext = (venueId = uuidv7()): ConnectionSealContext => ({
  venueId: venueId as VenueId,
  connectionId: uuidv7() as ConnectionId,
  purpose: 'provider-api-key',
});
const aToken = () => new Secret(`sk_test_${randomBytes(48).toString('hex')}`);

async function warmOpens(kms: Kms, { connections, opensEach }: VaultBenchOptions): Promise<readonly Row[]> {
  const sealer = createSealer(keyringOf(kms));
  const secrets = await Promise.all(
    Array.from({ length: connections }, async () => {
      const context = aContext();
      return { context, sealed: await sealer.seal(aToken(), context) };
    }),
  );
  const opener = createOpener(keyringOf(kms));
  const before = kms.count('Decrypt');
  const timesMs: number[] = [];
  for (let time = 0; time < opensEach; time += 1) {
    for (const { sealed, context } of secrets) {
      const startedAt = performance.now();
      await opener.open(sealed, context);
      if (time > 0) timesMs.push(performance.now() - startedAt);
    }
  }
  const calls = kms.count('Decrypt') - before;
  const p95Ms = percentile(timesMs, 0.95);
  return [
    {
      what: `${connections} connections × ${opensEach} opens: KMS calls`,
      calls,
      goal: `≤ ${connections}`,
      met: calls <= connections,
    },
    {
      what: 'open, warm',
      p50Ms: round(percentile(timesMs, 0.5)),
      p95Ms: round(p95Ms),
      p99Ms: round(percentile(timesMs, 0.99)),
      goal: `p95 ≤ ${OPEN_P95_LIMIT_MS} ms`,
      met: p95Ms <= OPEN_P95_LIMIT_MS,
    },
  ];
}

async function stampede(kms: Kms): Promise<Row> {
  const context = aContext();
  const sealed = await createSealer(keyringOf(kms)).seal(aToken(), context);
  const opener = createOpener(keyringOf(kms));
  const before = kms.count('Decrypt');
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: STAMPEDE }, () => opener.open(sealed, context)));
  const calls = kms.count('Decrypt') - before;
  return {
    what: `${STAMPEDE} opens of one cold secret at once: KMS calls`,
    calls,
    ms: round(performance.now() - startedAt),
    goal: '1',
    met: calls === 1,
  };
}

function rotation(kms: Kms, { secrets }: VaultBenchOptions): Promise<Row> {
  return withFolder(async (folder) => {
    const server = await startEmbeddedPostgres({
      dataFolder: path.join(folder, 'postgres'),
      password: randomBytes(12).toString('hex'),
      disposable: true,
      log: () => undefined,
    });
    await migrateUp({ url: server.url, log: () => undefined });
    const admin = postgres(server.url, { max: 2, onnotice: () => undefined });
    const db = openDatabase({ url: server.url, maxConnections: 20, applicationName: 'interlock-bench' });
    try {
      await store(admin, kms, secrets);
      const audit = createAuditStore(db);
      const rotations = createSecretRotationStore(db, audit);
      const targetKey = kms.addKey().keyArn;
      const resealer = createResealer(keyringOf(kms, { keyId: targetKey, otherKeyArns: [kms.keyArn] }));
      const { rotateKeysChunk } = createKeyRotationActivities({
        rotations,
        resealer,
        audit,
        log: createLogger({ name: 'bench', level: 'fatal' }),
        chunkMs: 3 * 60_000,
      });
      const { id: jobId } = await rotations.openOrJoin({ targetKey, requestedBy: 'bench' });
      const before = kms.calls.length;
      const startedAt = performance.now();
      const nextChunk = (): Promise<RotationChunkResult> =>
        new MockActivityEnvironment().run(rotateKeysChunk, { jobId });
      let chunk = await nextChunk();
      while (chunk.status !== 'done') chunk = await nextChunk();
      const seconds = (performance.now() - startedAt) / 1_000;
      return {
        what: `rotation of ${secrets} secrets`,
        seconds: round(seconds),
        perSecond: round(secrets / seconds),
        calls: kms.calls.length - before,
        passes: chunk.pass,
        goal: 'all of them',
        met: chunk.resealed === secrets && chunk.unreadable === 0,
      };
    } finally {
      await Promise.all([admin.end({ timeout: 5 }), db.$client.end({ timeout: 5 })]);
      await server.stop();
    }
  });
}

/** Venues with connections whose keys are sealed under the first key. */
async function store(admin: postgres.Sql, kms: Kms, count: number): Promise<void> {
  const sealer = createSealer(keyringOf(kms), { dataKeys: { capacity: SEALED_AT_ONCE } });
  for (let from = 0; from < count; from += SEALED_AT_ONCE) {
    const venueIds = Array.from({ length: SEALED_AT_ONCE / SECRETS_A_VENUE }, () => uuidv7());
    const contexts = Array.from({ length: Math.min(SEALED_AT_ONCE, count - from) }, (_, index) =>
      aContext(venueIds[index % venueIds.length]),
    );
    const sealed: readonly SealedSecret[] = await Promise.all(
      contexts.map((context) => sealer.seal(aToken(), context)),
    );
    await admin`insert into venues ${admin(venueIds.map((id) => ({ id, name: 'A venue', time_zone: 'UTC', currency: 'EUR' })))}`;
    await admin`insert into connections ${admin(contexts.map(({ venueId, connectionId }) => ({ id: connectionId, venue_id: venueId, provider: 'stripe', environment: 'sandbox', state: 'active', external_account_id: connectionId })))}`;
    await admin`insert into venue_api_keys ${admin(contexts.map(({ venueId, connectionId }, index) => ({ connection_id: connectionId, venue_id: venueId, sealed_key: Buffer.from(sealed[index] ?? []) })))}`;
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
