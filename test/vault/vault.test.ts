import { buildEncrypt } from '@aws-crypto/encrypt-node';
import type { NodeMaterialsManager } from '@aws-crypto/material-management-node';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SealedSecret } from '../../contracts/vault.ts';
import { createMaterials } from '../../vault/materials.ts';
import { CLIENT_OPTIONS, SUITE, toEncryptionContext } from '../../vault/message.ts';
import { createOpener } from '../../vault/opener.ts';
import { createSealer } from '../../vault/sealer.ts';
import { Secret } from '../../vault/secret.ts';
import { SharedFlightMaterials } from '../../vault/shared-flight-materials.ts';
import { aContext, aLocalKeyring, vaultErrorOf } from './seal-contexts.ts';

const CANARY = 'sk_test_canary_4242';

function aVault(keyring = aLocalKeyring()) {
  const sealer = createSealer(keyring);
  const opener = createOpener(keyring);
  return { keyring, sealer, opener };
}

describe('a sealed secret', () => {
  it.each(['sk_test_51abc', '', 'ключ 🔑 \u0000', 'x'.repeat(100_000)])('opens to what was sealed', async (text) => {
    const { sealer, opener } = aVault();
    const context = aContext();
    const opened = await opener.open(await sealer.seal(new Secret(text), context), context);
    expect(opened.expose()).toBe(text);
  });

  it('contains nothing readable of the secret, and differs every time', async () => {
    const { sealer } = aVault();
    const context = aContext();
    const [first, second] = await Promise.all([
      sealer.seal(new Secret(CANARY), context),
      sealer.seal(new Secret(CANARY), context),
    ]);
    expect(Buffer.from(first).includes(CANARY)).toBe(false);
    expect(Buffer.from(first).equals(Buffer.from(second))).toBe(false);
  });

  it('opens from the bytes that a database returns', async () => {
    const { sealer, opener } = aVault();
    const context = aContext();
    const stored = new Uint8Array(await sealer.seal(new Secret(CANARY), context)) as SealedSecret;
    expect((await opener.open(stored, context)).expose()).toBe(CANARY);
  });

  it.each([
    ['venue', () => ({ venueId: aContext().venueId })],
    ['connection', () => ({ connectionId: aContext().connectionId })],
    ['purpose', () => ({ purpose: 'provider-oauth-tokens' as const })],
  ])('cannot be opened after a move to another %s, even when its data key is cached', async (_what, change) => {
    const { sealer, opener } = aVault();
    const home = aContext();
    const sealed = await sealer.seal(new Secret(CANARY), home);
    await opener.open(sealed, home);
    const error = await vaultErrorOf(opener.open(sealed, { ...home, ...change() }));
    expect(error.kind).toBe('cannot-open');
  });

  it('cannot be opened with another key', async () => {
    const context = aContext();
    const sealed = await aVault().sealer.seal(new Secret(CANARY), context);
    expect((await vaultErrorOf(aVault().opener.open(sealed, context))).kind).toBe('cannot-open');
  });

  it('cannot be opened when it has more context than requested', async () => {
    const { keyring, opener } = aVault();
    const context = aContext();
    const { encrypt } = buildEncrypt(CLIENT_OPTIONS);
    const { result } = await encrypt(createMaterials(keyring), CANARY, {
      suiteId: SUITE,
      encryptionContext: { ...toEncryptionContext(context), extra: 'entry' },
    });
    expect((await vaultErrorOf(opener.open(result as Uint8Array as SealedSecret, context))).kind).toBe('cannot-open');
  });

  it.each([
    ['empty', new Uint8Array()],
    ['plain text', Buffer.from(CANARY)],
    ['zeroes', new Uint8Array(600)],
  ])('is rejected when it is %s', async (_what, bytes) => {
    expect((await vaultErrorOf(aVault().opener.open(bytes as Uint8Array as SealedSecret, aContext()))).kind).toBe(
      'cannot-open',
    );
  });
});

describe('a damaged sealed secret', () => {
  const { sealer, opener } = aVault();
  const context = aContext();
  const sealed = sealer.seal(new Secret(CANARY), context);

  it('cannot be opened, whichever bit is flipped', async () => {
    const original = await sealed;
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: original.length * 8 - 1 }), async (bit) => {
        const damaged = Uint8Array.from(original);
        damaged[bit >> 3]! ^= 1 << (bit & 7);
        const error = await vaultErrorOf(opener.open(damaged as SealedSecret, context));
        expect(error.kind).toBe('cannot-open');
      }),
      { numRuns: 300 },
    );
  });

  it('cannot be opened, wherever it is truncated', async () => {
    const original = await sealed;
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: original.length - 1 }), async (length) => {
        const error = await vaultErrorOf(opener.open(original.slice(0, length) as SealedSecret, context));
        expect(error.kind).toBe('cannot-open');
      }),
      { numRuns: 100 },
    );
  });
});

describe('the vault', () => {
  it('rejects a local key that is not 32 bytes, without quoting it', () => {
    const create = () => createSealer({ kind: 'local', key: new Secret('canary-key') });
    expect(create).toThrow('a local wrapping key is 32 bytes in base64 or hex');
    expect(create).not.toThrow(/canary-key/);
  });

  it('writes messages with key commitment', async () => {
    const sealed = await aVault().sealer.seal(new Secret(CANARY), aContext());
    // Message format 2, then the suite id:
    // https://docs.aws.amazon.com/encryption-sdk/latest/developer-guide/message-format.html (2026-11-21).
    expect([...sealed.subarray(0, 3)]).toEqual([0x02, 0x04, 0x78]);
  });

  it('keeps working when plaintexts exceed what one data key may seal', async () => {
    const keyring = aLocalKeyring();
    const sealer = createSealer(keyring, { dataKeys: { maxBytes: 8, maxMessages: 1 } });
    const context = aContext();
    const sealed = await Promise.all(Array.from({ length: 5 }, () => sealer.seal(new Secret(CANARY), context)));
    const opened = await Promise.all(sealed.map((each) => createOpener(keyring).open(each, context)));
    expect(opened.map((secret) => secret.expose())).toEqual(Array.from({ length: 5 }, () => CANARY));
  });

  it('keeps working when more data keys are in use than the cache holds', async () => {
    const keyring = aLocalKeyring();
    const [sealer, opener] = [
      createSealer(keyring, { dataKeys: { capacity: 2 } }),
      createOpener(keyring, { dataKeys: { capacity: 2 } }),
    ];
    const contexts = Array.from({ length: 10 }, () => aContext());
    const sealed = await Promise.all(
      contexts.map((context, index) => sealer.seal(new Secret(`key ${index}`), context)),
    );
    const opened = await Promise.all(
      [...contexts, ...contexts].map((context, index) => opener.open(sealed[index % 10]!, context)),
    );
    expect(opened.map((secret) => secret.expose())).toEqual(
      [...contexts, ...contexts].map((_context, index) => `key ${index % 10}`),
    );
  });
});

describe('SharedFlightMaterials', () => {
  it('calls the key service once for concurrent callers of one data key, and separately for another', async () => {
    const asked: string[] = [];
    let open = 0;
    let mostAtOnce = 0;
    const cache = {
      getEncryptionMaterials: async ({ encryptionContext }: { encryptionContext: Record<string, string> }) => {
        asked.push(encryptionContext['venue']!);
        mostAtOnce = Math.max(mostAtOnce, ++open);
        await new Promise(setImmediate);
        open--;
        return {};
      },
    } as unknown as NodeMaterialsManager;
    const materials = new SharedFlightMaterials(cache);
    const request = (venue: string) =>
      materials.getEncryptionMaterials({
        encryptionContext: { venue },
        commitmentPolicy: CLIENT_OPTIONS.commitmentPolicy,
      });

    const first = request('a');
    const second = request('a');
    const other = request('b');
    expect(asked).toEqual(['a', 'b']);
    await Promise.all([first, second, other]);
    expect(asked).toEqual(['a', 'b', 'a']);
    expect(mostAtOnce).toBe(2);
  });
});
