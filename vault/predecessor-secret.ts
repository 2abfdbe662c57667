import { createDecipheriv, createHash } from 'node:crypto';
import { Secret } from './secret.ts';
import { VaultError } from './vault-error.ts';

const MAGIC = Buffer.from('Salted__', 'latin1');
const SALT_BYTES = 8;
const KEY_BYTES = 32;
const IV_BYTES = 16;
const BASE64 = /^[0-9A-Za-z+/]+={0,2}$/;

/**
 * Opens a secret that CryptoJS wrote with `AES.encrypt(text, passphrase).toString()` (`U2FsdGVkX1…`): OpenSSL's salted
 * container in base64, AES-256-CBC with PKCS #7, key and IV by EVP_BytesToKey with MD5 and one round
 * (https://cryptojs.gitbook.io/docs/, "The Cipher Output"; https://docs.openssl.org/3.0/man3/EVP_BytesToKey/,
 * 2026-11-21).
 * The format has no integrity check: a wrong passphrase or a flipped bit usually shows as bad padding or as bytes that
 * are not text, so the caller must validate the text. Throws VaultError `cannot-open`.
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
    // The old format requires MD5. The vault seals the result again at once.
    block = createHash('md5')
      .update(Buffer.concat([block, passphrase, salt]))
      .digest();
    derived = Buffer.concat([derived, block]);
  }
  return derived;
}
