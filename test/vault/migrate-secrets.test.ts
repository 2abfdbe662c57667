import { execFile } from 'node:child_process';
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { VenueId } from '../../contracts/ids.ts';
import { REPOSITORY } from '../../runtime/start/home.ts';
import { createOpener } from '../../vault/opener.ts';
import { aLocalKey, createRotationWorld, localKeyring } from './rotation-world.ts';

const PASSPHRASE = 'correct horse';
const KEY = aLocalKey();

type World = Awaited<ReturnType<typeof createRotationWorld>>;
let world: World;
let folder: string;
let venueId: VenueId;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'interlock-secrets-'));
  writeFileSync(path.join(folder, 'passphrase'), `${PASSPHRASE}\n`);
  world = await createRotationWorld();
  venueId = await world.aVenue();
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await world.database.drop();
});
afterEach(() => world.admin`truncate connections, audit_log cascade`);

/**
 * Encrypts as the predecessor's CryptoJS did. predecessor-secret.test.ts checks the reader against another program's
 * output.
 */
function written(text: string): string {
  const salt = randomBytes(8);
  const blocks = [Buffer.alloc(0)];
  for (let round = 0; round < 3; round += 1)
    blocks.push(
      createHash('md5')
        .update(Buffer.concat([blocks.at(-1)!, Buffer.from(PASSPHRASE), salt]))
        .digest(),
    );
  const derived = Buffer.concat(blocks);
  const cipher = createCipheriv('aes-256-cbc', derived.subarray(0, 32), derived.subarray(32, 48));
  return Buffer.concat([Buffer.from('Salted__'), salt, cipher.update(text), cipher.final()]).toString('base64');
}

const aLine = (account: string, key: string, changes: object = {}) => ({
  venue: venueId,
  provider: 'stripe',
  environment: 'sandbox',
  externalAccountId: account,
  ciphertext: written(key),
  ...changes,
});

interface Ended {
  readonly code: number;
  readonly output: string;
}

/** Runs the command as an operator does. */
function run(...args: string[]): Promise<Ended> {
  const env = {
    PATH: process.env['PATH'],
    DATABASE_URL: world.database.url,
    MOCK_KMS: 'true',
    ENCRYPTION_KEY: KEY.expose(),
  };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [path.join(REPOSITORY, 'worker/secrets/main.ts'), ...args],
      { env },
      (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, output: `${stdout}${stderr}` });
      },
    );
  });
}

function migrate(lines: readonly unknown[], ...more: string[]): Promise<Ended> {
  const file = path.join(folder, 'source.ndjson');
  writeFileSync(file, lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'));
  return run('migrate', '--file', file, '--passphrase-file', path.join(folder, 'passphrase'), '--batch', 'b1', ...more);
}

const keysHere = async () => {
  const { data } = await world.connections.list(venueId, { limit: 50, after: null });
  const opener = createOpener(localKeyring(KEY));
  return Promise.all(
    data.map(async ({ id, account, state }) => {
      const ref = { venueId, connectionId: id };
      const stored = await world.connections.findApiKey(ref);
      return [
        account!.id,
        state,
        stored && (await opener.open(stored.sealedKey, { ...ref, purpose: 'provider-api-key' })).expose(),
      ];
    }),
  );
};

describe('the migration of the predecessor’s secrets', { timeout: 180_000 }, () => {
  it('writes nothing in a dry run, then migrates everything, and does nothing the second time', async () => {
    const lines = [aLine('acct_1', 'sk_test_canary_1'), aLine('acct_2', 'sk_test_canary_2')];
    const tried = await migrate(lines, '--dry-run');
    expect(tried).toMatchObject({
      code: 0,
      output: expect.stringContaining(
        'dry run, nothing written: {"migrated":2,"unchanged":0,"kept":0,"refused":0}',
      ) as string,
    });
    expect(await keysHere()).toEqual([]);
    expect((await migrate(lines)).output).toContain('{"migrated":2,"unchanged":0,"kept":0,"refused":0}');
    expect(await keysHere()).toEqual([
      ['acct_1', 'active', 'sk_test_canary_1'],
      ['acct_2', 'active', 'sk_test_canary_2'],
    ]);
    expect((await migrate(lines)).output).toContain('{"migrated":0,"unchanged":2,"kept":0,"refused":0}');
    const actions = await world.admin`select action, actor, details from audit_log`;
    expect([...actions]).toEqual(
      Array.from({ length: 2 }, () => ({
        action: 'connection.migrated',
        actor: 'migrate-secrets',
        details: { batch: 'b1' },
      })),
    );
  });

  it('rejects invalid lines individually by number, and prints the content of none', async () => {
    const good = aLine('acct_1', 'sk_test_canary_1');
    const { code, output } = await migrate([
      good,
      '{"venue": sk_test_canary_json',
      aLine('acct_2', 'sk_test_canary_2', { venue: 'canary-venue' }),
      aLine('acct_3', 'not a key: canary'),
      { ...good, ciphertext: good.ciphertext.replace(/.{12}$/, 'AAAAAAAAAAA=') },
      { ...good, sk_test_canary_field: 1, environment: 'canary' },
    ]);
    expect(code).toBe(1);
    expect(
      output
        .split('\n')
        .map((line) => /^line (\d+)/.exec(line)?.[1])
        .filter(Boolean),
    ).toEqual(['2', '3', '4', '5', '6']);
    expect(output).toContain('{"migrated":1,"unchanged":0,"kept":0,"refused":5}');
    expect(output).not.toMatch(/canary|correct horse/);
    expect(await keysHere()).toEqual([['acct_1', 'active', 'sk_test_canary_1']]);
  });

  it('never overwrites a key that the venue has entered', async () => {
    await migrate([aLine('acct_1', 'sk_test_newer')]);
    expect((await migrate([aLine('acct_1', 'sk_test_older')])).output).toMatch(
      /line 1: the venue has entered another key.*\n.*"kept":1/,
    );
    expect(await keysHere()).toEqual([['acct_1', 'active', 'sk_test_newer']]);
  });

  it('can be undone until it is confirmed, where nothing has used the key', async () => {
    await migrate([aLine('acct_1', 'sk_test_1'), aLine('acct_2', 'sk_test_2')]);
    await world.admin`insert into sync_runs (id, venue_id, connection_id, provider, resource, direction, mode, workflow_id, requested_by)
      select gen_random_uuid(), venue_id, id, 'stripe', 'customers', 'pull', 'full', 'w', 't' from connections where external_account_id = 'acct_2'`;
    expect(await run('rollback', '--batch', 'b1')).toMatchObject({
      code: 1,
      output: expect.stringContaining('1 connections removed, 1 left because they are in use') as string,
    });
    expect((await keysHere()).map(([account]) => account)).toEqual(['acct_2']);
    expect(await run('confirm', '--batch', 'b1')).toMatchObject({
      code: 0,
      output: expect.stringContaining('1 connections confirmed') as string,
    });
    expect(await run('rollback', '--batch', 'b1')).toMatchObject({
      code: 0,
      output: expect.stringContaining('0 connections removed, 0 left') as string,
    });
  });

  it('reports missing arguments', async () => {
    expect(await run('migrate', '--file', 'x')).toMatchObject({
      code: 2,
      output: expect.stringContaining('Usage: node worker/secrets/main.ts') as string,
    });
    expect((await run('destroy')).code).toBe(2);
  });
});

describe('the destruction of a venue’s credentials', () => {
  it('removes all of them, touches no other venue’s, and after a rotation leaves nothing in a backup that opens', async () => {
    const [old, next] = [aLocalKey(), aLocalKey()];
    const [gone, stays] = [await world.aSecret(localKeyring(KEY)), await world.aSecret(localKeyring(KEY))];
    const backup = { gone: await world.stored(gone), stays: await world.stored(stays) };
    expect(await run('shred', '--venue', gone.venueId, '--actor', 'someone')).toMatchObject({
      code: 0,
      output: expect.stringContaining('1 credentials deleted') as string,
    });
    expect(await world.connections.findApiKey(gone)).toBeNull();
    expect((await world.connections.find(gone))?.state).toBe('disconnected');
    expect((await world.connections.find(stays))?.state).toBe('active');
    const [row] = await world.admin`select actor, action, target_id from audit_log where venue_id = ${gone.venueId}`;
    expect(row).toEqual({ actor: 'someone', action: 'venue.credentials-destroyed', target_id: gone.venueId });

    await world.rotate(localKeyring(next, KEY));
    // The old key is destroyed, and only it could open the backup.
    const survivors = createOpener(localKeyring(next, old));
    for (const [ref, sealed] of [
      [gone, backup.gone],
      [stays, backup.stays],
    ] as const)
      await expect(survivors.open(sealed, ref)).rejects.toMatchObject({ kind: 'cannot-open' });
    expect(await world.open(localKeyring(next), stays)).toBe('sk_test_canary_4242');
  });
});
