import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { deflateSync, inflateSync } from 'node:zlib';

export interface IdempotencyKeyRef {
  readonly caller: string;
  /** Method and path. */
  readonly operation: string;
  readonly key: string;
}

export interface StoredAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const SALT_BYTES = 16;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** The digest that the table stores instead of an Idempotency-Key. */
export const digestOf = ({ key }: Pick<IdempotencyKeyRef, 'key'>): string =>
  createHash('sha256').update(key).digest('hex');

/**
 * Seals an answer under a key derived from the caller's own Idempotency-Key, which is stored nowhere, so that only a
 * repeat of the request can read it: an answer may hold the URL of an attempt to connect. It is as strong as the
 * Idempotency-Key is hard to guess.
 */
export function sealAnswer(ref: IdempotencyKeyRef, answer: StoredAnswer): Buffer {
  const [salt, iv] = [randomBytes(SALT_BYTES), randomBytes(IV_BYTES)];
  const cipher = createCipheriv(CIPHER, keyOf(ref, salt), iv);
  const text = Buffer.concat([cipher.update(packed(JSON.stringify(answer))), cipher.final()]);
  return Buffer.concat([salt, iv, cipher.getAuthTag(), text]);
}

/** Throws when it was sealed for another request. */
export function openAnswer(ref: IdempotencyKeyRef, sealed: Uint8Array): StoredAnswer {
  const bytes = Buffer.from(sealed);
  const [ivStart, tagStart, textStart] = [SALT_BYTES, SALT_BYTES + IV_BYTES, SALT_BYTES + IV_BYTES + TAG_BYTES];
  const decipher = createDecipheriv(
    CIPHER,
    keyOf(ref, bytes.subarray(0, ivStart)),
    bytes.subarray(ivStart, tagStart),
  ).setAuthTag(bytes.subarray(tagStart, textStart));
  const text = Buffer.concat([decipher.update(bytes.subarray(textStart)), decipher.final()]);
  return JSON.parse(unpacked(text).toString()) as StoredAnswer;
}

/** Long answers are lists of errors, which repeat themselves: each replay reads them, and the driver takes two characters for a byte. */
const MIN_PACKED_LENGTH = 1_024;
const packed = (json: string): Buffer =>
  json.length < MIN_PACKED_LENGTH ? Buffer.from(json) : deflateSync(json, { level: 1 });

/** JSON begins with a brace, what was packed with another byte (RFC 1950, section 2.2). */
const unpacked = (text: Buffer): Buffer => (text[0] === BRACE ? text : inflateSync(text));
const BRACE = 0x7b;

function keyOf({ caller, operation, key }: IdempotencyKeyRef, salt: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, salt, JSON.stringify(['idempotency', caller, operation]), KEY_BYTES));
}
