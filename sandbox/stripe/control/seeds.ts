import { base62 } from '../../core/ids.ts';

/** Seconds between seeded objects: 10,000 of them span four days, a million fourteen months. */
export const SECONDS_APART = 37;

/** The description of a batch, sufficient to derive the same objects again, whatever their number. */
export interface SeedBatch {
  readonly count: number;
  /** Creation time of the last object of the batch, in seconds since the epoch. */
  readonly newestCreated: number;
  readonly secondsApart: number;
  /** The number and the order of the batch's first object, counted per account and kind. */
  readonly firstNo: number;
  readonly firstOrder: number;
  /** The number of seeded customers that the objects are spread over; 0 for objects without a customer. */
  readonly customers: number;
}

/**
 * Fourteen letters and digits. Multiplying by an odd number permutes the 32-bit integers, so no two seeds of an account
 * share them.
 */
export function seedCode(salt: number, seedNo: number): string {
  return `${base62(mix(seedNo ^ salt), 6)}${base62(Math.imul(seedNo + salt, 0x9e3779b1) >>> 0, 6)}${base62(mix(seedNo) % 3_844, 2)}`;
}

/** The id of a seeded object of a kind with longer ids: `prefix` and 23 letters and digits. */
export function longSeedId(prefix: string, salt: number, seedNo: number): string {
  return `${prefix}${seedCode(salt, seedNo)}${base62(mix(salt + seedNo), 6)}000`;
}

/** A deterministic pseudo-random unsigned 32-bit integer for `value`. */
export function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

export function pick<T>(from: readonly T[], number: number): T {
  return from[number % from.length] as T;
}
