import { globSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { KeyringConfig } from '../../vault/keyring.ts';
import { createOpener } from '../../vault/opener.ts';
import { createResealer } from '../../vault/resealer.ts';
import { toEncryptionContext } from '../../vault/message.ts';
import { createSealer } from '../../vault/sealer.ts';
import { Secret } from '../../vault/secret.ts';
import { checkKeyAccess } from '../../vault/startup-check.ts';
import { createWebhookSecretOpener } from '../../vault/webhook-secret-opener.ts';
import { startKmsServer } from '../support/services/kms-server.ts';
import { aContext } from '../vault/seal-contexts.ts';

const ROOT = new URL('../../', import.meta.url);
const DEPLOYMENT = readFileSync(new URL('docs/operations/deployment.md', ROOT), 'utf8');

interface Policy {
  readonly Statement: readonly {
    readonly Effect: string;
    readonly Action: readonly string[];
    readonly Resource: string;
  }[];
}

/** The sample policies of the page: the API's, then the worker's. */
const POLICIES = [...DEPLOYMENT.matchAll(/```json\n([^]*?)```/g)].map(([, json = '']) => JSON.parse(json) as Policy);
const allowedBy = (policy: Policy | undefined) =>
  (policy?.Statement ?? []).flatMap(({ Effect, Action }) => (Effect === 'Allow' ? Action : [])).sort();
/** The permissions that the table of processes lists for a process. */
const neededBy = (process: string) => new RegExp(`^\\| \`${process}\` \\(target.*$`, 'm').exec(DEPLOYMENT)?.[0] ?? '';

let kms: Awaited<ReturnType<typeof startKmsServer>>;
beforeEach(async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'not-a-real-secret');
  kms = await startKmsServer();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await kms.stop();
});

const aKeyring = (keyId: string = kms.keyUuid, otherKeyArns: readonly string[] = []): KeyringConfig => ({
  kind: 'kms',
  keyId,
  otherKeyArns,
  region: 'eu-central-1',
  endpoint: kms.endpoint,
});
const calledOperations = () => [...new Set(kms.calls.map(({ operation }) => `kms:${operation}`))].sort();

describe('the KMS policies of the deployment page', () => {
  it('allow the API exactly the calls of a process that seals, and opens signing secrets of webhooks alone', async () => {
    const sealer = createSealer(aKeyring());
    await checkKeyAccess(sealer);
    await sealer.seal(new Secret('sk_test_example'), aContext());
    const ref = aContext();
    const sealed = await sealer.seal(new Secret('whsec_example'), { ...ref, purpose: 'provider-webhook-secrets' });
    const opener = createWebhookSecretOpener(aKeyring());
    expect((await opener.openSigningSecrets(sealed, ref)).expose()).toBe('whsec_example');
    expect(calledOperations()).toEqual(allowedBy(POLICIES[0]));
    expect(neededBy('api')).toContain('for signing secrets of webhooks alone, `Decrypt`,');
    // What is opened carries the purpose that the condition compares, and a credential carries another.
    const decrypting = POLICIES[0]?.Statement.filter(({ Action }) => Action.includes('kms:Decrypt'));
    expect(decrypting).toMatchObject([
      { Condition: { StringEquals: { 'kms:EncryptionContext:purpose': 'provider-webhook-secrets' } } },
    ]);
    expect(toEncryptionContext({ ...ref, purpose: 'provider-webhook-secrets' })).toMatchObject({
      purpose: 'provider-webhook-secrets',
    });
    const credential = await sealer.seal(new Secret('sk_test_example'), { ...ref, purpose: 'provider-api-key' });
    await expect(opener.openSigningSecrets(credential, ref)).rejects.toThrow();
  });

  it('allow a worker exactly the calls of checking, sealing, opening and rotating', async () => {
    const [sealer, opener] = [createSealer(aKeyring()), createOpener(aKeyring())];
    await checkKeyAccess(sealer, opener);
    const context = aContext();
    const sealed = await sealer.seal(new Secret('sk_test_example'), context);
    await opener.open(sealed, context);
    const next = kms.addKey();
    expect(await createResealer(aKeyring(next.keyArn, [kms.keyArn])).reseal(sealed, context)).not.toBeNull();
    expect(calledOperations()).toEqual(allowedBy(POLICIES[1]));
    expect(neededBy('worker')).toContain('KMS `GenerateDataKey` and `Decrypt`,');
  });

  it('name keys by their ARN', () => {
    expect(POLICIES.flatMap(({ Statement }) => Statement).map(({ Resource }) => Resource)).toEqual(
      Array(3).fill('arn:aws:kms:REGION:ACCOUNT:key/KEY-ID'),
    );
  });
});

it('no file of the API imports a part of the vault that opens more than signing secrets of webhooks', () => {
  const files = globSync('api/**/*.ts', { cwd: ROOT });
  const opening = files.filter((file) =>
    /from '[./]+\/vault\/(opener|resealer)\.ts'/.test(readFileSync(new URL(file, ROOT), 'utf8')),
  );
  expect(files.length).toBeGreaterThan(50);
  expect(opening).toEqual([]);
});

/**
 * A page that gives a worker only `Decrypt` leads to a process that does not start; one that gives the API too much
 * lets it open secrets.
 */
it.each(globSync('docs/operations/*.md', { cwd: ROOT }))(
  '%s gives a worker both permissions whenever it gives it any on the current key',
  (file) => {
    const lines = readFileSync(new URL(file, ROOT), 'utf8').split('\n');
    const wrong = lines.filter(
      (line) => /worker((?!GenerateDataKey)[^.|])*`kms:Decrypt`/.test(line) && !line.includes('AWS_KMS_OTHER_KEY_ARNS'),
    );
    expect(wrong).toEqual([]);
  },
);
