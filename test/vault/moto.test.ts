import { CreateAliasCommand, CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { KeyringConfig } from '../../vault/keyring.ts';
import { createOpener } from '../../vault/opener.ts';
import { createResealer } from '../../vault/resealer.ts';
import { createSealer } from '../../vault/sealer.ts';
import { Secret } from '../../vault/secret.ts';
import { checkKeyAccess } from '../../vault/startup-check.ts';
import { wrappingKeyOf } from '../../vault/wrapping-key.ts';
import { findMoto, startMoto } from '../support/services/moto-server.ts';
import type { MotoServer } from '../support/services/moto-server.ts';
import { aContext, vaultErrorOf } from './seal-contexts.ts';

const SECRET = 'sk_test_canary_4242';
const REGION = 'eu-central-1';

const moto = await findMoto();
if ('missing' in moto)
  process.stderr.write(
    `\nSKIPPED: the vault is not tried against moto: its Python packages cannot be had here (${moto.missing})\n\n`,
  );

// kms.test.ts and startup-check.test.ts cover disabled keys and keys pending deletion, because moto 5.2.5 lets such
// keys work.
describe.skipIf('missing' in moto)('a vault with an independent KMS implementation (moto)', () => {
  let server: MotoServer;
  let kms: KMSClient;
  beforeAll(async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'not-a-real-secret');
    server = await startMoto('python' in moto ? moto.python : '');
    kms = new KMSClient({ region: REGION, endpoint: server.endpoint });
  }, 120_000);
  afterAll(async () => {
    kms.destroy();
    await server.stop();
    vi.unstubAllEnvs();
  });

  async function aKey(): Promise<string> {
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
    return KeyMetadata!.Arn!;
  }

  const aKeyring = (keyId: string, otherKeyArns: readonly string[] = []): KeyringConfig => ({
    kind: 'kms',
    keyId,
    region: REGION,
    endpoint: server.endpoint,
    otherKeyArns,
  });
  const seal = (keyId: string, context = aContext()) => createSealer(aKeyring(keyId)).seal(new Secret(SECRET), context);

  it.each(['ARN', 'id', 'alias'])(
    'opens a secret to what was sealed, with the key named by its %s, and reads the key’s ARN from the header',
    async (form) => {
      const arn = await aKey();
      const alias = `alias/interlock-${arn.slice(-8)}`;
      await kms.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: arn }));
      const keyId = { ARN: arn, id: arn.split('/')[1]!, alias }[form]!;
      const context = aContext();
      const sealed = await seal(keyId, context);
      expect((await createOpener(aKeyring(keyId)).open(sealed, context)).expose()).toBe(SECRET);
      expect(await wrappingKeyOf(sealed)).toBe(arn);
    },
  );

  it.each([
    ['venue', () => ({ venueId: aContext().venueId })],
    ['connection', () => ({ connectionId: aContext().connectionId })],
    ['purpose', () => ({ purpose: 'provider-oauth-tokens' as const })],
  ])('cannot open a secret moved to another %s, even when its data key is cached', async (_what, change) => {
    const key = await aKey();
    const home = aContext();
    const sealed = await seal(key, home);
    const opener = createOpener(aKeyring(key));
    for (const warm of [false, true]) {
      expect([(await vaultErrorOf(opener.open(sealed, { ...home, ...change() }))).kind, warm]).toEqual([
        'cannot-open',
        warm,
      ]);
      await opener.open(sealed, home);
    }
  });

  it('cannot open a secret whose context was altered in its header, because the key service checks the context', async () => {
    const key = await aKey();
    const context = aContext();
    const sealed = Buffer.from(await seal(key, context));
    // The header holds the context in plaintext; change one letter of it.
    const at = sealed.indexOf(context.venueId);
    sealed[at] = sealed[at] === 0x30 ? 0x31 : 0x30;
    const claimed = { ...context, venueId: sealed.toString('latin1', at, at + 36) as typeof context.venueId };
    expect(
      await vaultErrorOf(
        createOpener(aKeyring(key)).open(new Uint8Array(sealed) as Awaited<ReturnType<typeof seal>>, claimed),
      ),
    ).toMatchObject({
      kind: 'cannot-open',
      code: 'InvalidCiphertextException',
    });
  });

  it('cannot open a secret under another key', async () => {
    const context = aContext();
    const sealed = await seal(await aKey(), context);
    // AWS answers IncorrectKeyException here; kms.test.ts covers that.
    expect((await vaultErrorOf(createOpener(aKeyring(await aKey())).open(sealed, context))).code).toBe(
      'AccessDeniedException',
    );
  });

  it.each([0.1, 0.3, 0.7, 0.9, 0.99])('cannot open a secret with a bit flipped at %s of its length', async (part) => {
    const key = await aKey();
    const context = aContext();
    const damaged = Uint8Array.from(await seal(key, context));
    damaged[Math.floor(damaged.length * part)]! ^= 1;
    // moto looks up the key by bytes of the wrapped data key, and denies access when it finds none.
    expect(['cannot-open', 'key-service-unavailable']).toContain(
      (await vaultErrorOf(createOpener(aKeyring(key)).open(damaged as Awaited<ReturnType<typeof seal>>, context))).kind,
    );
  });

  it('reseals a secret under another key, opens it before, during and after, and no longer needs the old key', async () => {
    const [old, next] = [await aKey(), await aKey()];
    const context = aContext();
    const sealed = await seal(old, context);
    const both = aKeyring(next, [old]);
    expect((await createOpener(both).open(sealed, context)).expose()).toBe(SECRET);
    const resealer = createResealer(both);
    const resealed = await resealer.reseal(sealed, context);
    expect(await wrappingKeyOf(resealed!)).toBe(next);
    expect(await resealer.reseal(resealed!, context)).toBeNull();
    expect((await createOpener(aKeyring(old, [next])).open(resealed!, context)).expose()).toBe(SECRET);
    expect((await createOpener(aKeyring(next)).open(resealed!, context)).expose()).toBe(SECRET);
  });

  it('distinguishes a usable key from one that a person has to fix at startup', async () => {
    const key = await aKey();
    const check = (keyId: string) => checkKeyAccess(createSealer(aKeyring(keyId)), createOpener(aKeyring(keyId)));
    expect(await check(key)).toEqual({ state: 'ready', keyName: key });
    await expect(check(key.replace(/.{12}$/, '000000000000'))).rejects.toThrow(
      /knows no key AWS_KMS_KEY_ID in the region AWS_REGION/,
    );
  });
});
