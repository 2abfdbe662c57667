import { createDecipheriv, createHash } from 'node:crypto';
import { Secret } from './secret.ts';
import { VaultError } from './vault-error.ts';

const MAGIC = Buffer.from('Salted__', 'latin1');
const SALT_BYTES = 8;
const KEY_BYTES = 32;
const IV_BYTES = 16;
const BASE64 = /^[0-9A-Za-z+/]+={0,2}$/;

/**
 * Opens what CryptoJS's `AES.encrypt(text, passphrase).toString()` wrote (`U2FsdGVkX1…`): OpenSSL's salted container in base64,
 * AES-256-CBC with PKCS #7, key and IV by EVP_BytesToKey with MD5 and one round
 * (https://cryptojs.gitbook.io/docs/, "The Cipher Output"; https://docs.openssl.org/3.0/man3/EVP_BytesToKey/, 2026-11-21).
 * The format proves nothing: a wrong passphrase, or a flipped bit, mostly shows as bad padding or as bytes that are no text, but a caller
 * has to check that the text is what it should be. Throws VaultError `cannot-open`.
 */
export function openPredecessorSecret(text: string, passphrase: Secret): Secret {
  const bytes = BASE64.test(text) ? Buffer.from(text, 'base64') : Buffer.alloc(0);
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw new VaultError('cannot-open');
  const salt = bytes.subarray(MAGIC.length, MAGIC.length + SALT_BYTES);
  const derived = deriveKeyAndIv(Buffer.from(passphrase.expose(), 'utf8'), salt);
  try {
    const decipher = createDecipheriv('aes-256-cbc', derived.subarray(0, KEY_BYTES), derived.subarray(KEY_BYTES));
    const plaintext = Buffer.concat([decipher.update(bytes.subarray(MAGIC.length + SALT_BYTES)), decipher.final()]);
    return new Secret(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(plaintext));
  } catch {
    throw new VaultError('cannot-open');
  }
}

function deriveKeyAndIv(passphrase: Buffer, salt: Buffer): Buffer {
  let block = Buffer.alloc(0);
  let derived = Buffer.alloc(0);
  while (derived.length < KEY_BYTES + IV_BYTES) {
    // MD5 is the format's, not ours: what is opened here is sealed by the vault at once.
    block = createHash('md5')
      .update(Buffer.concat([block, passphrase, salt]))
      .digest();
    derived = Buffer.concat([derived, block]);
  }
  return derived;
}
