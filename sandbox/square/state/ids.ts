import { randomBytes } from 'node:crypto';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

/** An id of Square's: 24 capital letters and digits. */
export const newSquareId = (): string =>
  [...randomBytes(24)].map((byte) => LETTERS.charAt(byte % LETTERS.length)).join('');
