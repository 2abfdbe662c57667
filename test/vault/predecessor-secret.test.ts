import fc from 'fast-check';
import { expect, it } from 'vitest';
import { openPredecessorSecret } from '../../vault/predecessor-secret.ts';
import { Secret } from '../../vault/secret.ts';
import { VaultError } from '../../vault/vault-error.ts';

/** Written by `openssl enc -aes-256-cbc -md md5 -salt -base64 -A`, whose format CryptoJS uses. */
const WRITTEN = 'U2FsdGVkX1/lLkLZXDmYv+cBt8NQnCi3A81XeTZHR/hTMjMrpJ7LJMdB1r89ozD9';
const PASSPHRASE = new Secret('correct horse');

const outcomeOf = (text: string, passphrase = PASSPHRASE): string => {
  try {
    return openPredecessorSecret(text, passphrase).expose();
  } catch (error) {
    if (error instanceof VaultError) return error.kind;
    throw error;
  }
};

it.each([
  ['ASCII', WRITTEN, 'correct horse', 'sk_test_canary_4242'],
  [
    'any script, of the passphrase too',
    'U2FsdGVkX1/wORGpuYjgfHa5clhp4jvKZv6I2OsnxfFYVYKSnX7pNVIfSrI8Uldi',
    'Schlüssel',
    'sk_test_ü_ключ',
  ],
])('a predecessor’s secret opens when another program wrote it: %s', (_what, text, passphrase, expected) => {
  expect(outcomeOf(text, new Secret(passphrase))).toBe(expected);
});

it('a predecessor’s secret never opens with another passphrase', () => {
  fc.assert(
    fc.property(
      fc.string().filter((text) => text !== 'correct horse'),
      (text) => {
        expect(outcomeOf(WRITTEN, new Secret(text))).not.toBe('sk_test_canary_4242');
      },
    ),
    { numRuns: 300 },
  );
});

it.each([
  ['empty', ''],
  ['not base64', 'U2FsdGVkX1 '],
  ['of another format', Buffer.from('not salted at all, but long enough').toString('base64')],
  ['the head alone', 'U2FsdGVkX1/lLkLZXDmYvw=='],
  ['cut off', WRITTEN.slice(0, -8)],
])('a predecessor’s secret is rejected when it is %s', (_what, text) => {
  expect(outcomeOf(text)).toBe('cannot-open');
});
