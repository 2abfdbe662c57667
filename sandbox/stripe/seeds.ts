import { EMPTY_FIELDS } from './customer.ts';
import type { CustomerFields, CustomerRow } from './customer.ts';
import { base62 } from './ids.ts';

/** Seconds from one seeded customer to the next: 10,000 of them spread over four days, a million over fourteen months. */
const SECONDS_APART = 37;

const FIRST_NAMES = ['Amara', 'Björn', 'Chloé', 'Dmitri', 'Elif', 'Fatima', 'Giulia', 'Hiroshi', 'Ines', 'Jakub', 'Katarína', 'Liam', 'Mei', 'Noor', 'Oisín', 'Priya', 'Quentin', 'Rosa', 'Søren', 'Tomás', 'Uma', 'Viktor', 'Wanjiru', 'Xavier', 'Yusuf', 'Zofia'];
const LAST_NAMES = ['Andersen', 'Baker', 'Castillo', 'Dubois', 'Eriksson', 'Fischer', 'García', 'Hughes', 'Ivanov', 'Jansen', 'Kowalski', 'Lopes', 'Müller', "O'Neill", 'Okafor', 'Petrov', 'Rossi', 'Silva', 'Tanaka', 'Ueda', 'Varga', 'Wright', 'Zhang'];
const CITIES: readonly (readonly [city: string, country: string])[] = [
  ['Berlin', 'DE'],
  ['Lisboa', 'PT'],
  ['Leeds', 'GB'],
  ['Nantes', 'FR'],
  ['Malmö', 'SE'],
  ['Kraków', 'PL'],
  ['Portland', 'US'],
];

/** Enough to make the same customers again, whatever their number. */
export interface SeedBatch {
  readonly count: number;
  /** Seconds since the epoch; the last of the batch has it. */
  readonly newestCreated: number;
  /** The number and the order of the batch's first customer, counted per account. */
  readonly firstNo: number;
  readonly firstOrder: number;
}

export function* seedRows(salt: number, batch: SeedBatch): Generator<CustomerRow> {
  for (let index = 0; index < batch.count; index++) {
    yield {
      id: seedId(salt, batch.firstNo + index),
      created: Math.max(0, batch.newestCreated - SECONDS_APART * (batch.count - 1 - index)),
      order: batch.firstOrder + index,
      seedNo: batch.firstNo + index,
      fields: null,
      stale: null,
      json: null,
    };
  }
}

export function seedFields(seedNo: number): CustomerFields {
  const first = pick(FIRST_NAMES, seedNo);
  const last = pick(LAST_NAMES, mix(seedNo));
  const [city, country] = pick(CITIES, seedNo >>> 2);
  return {
    ...EMPTY_FIELDS,
    name: `${first} ${last}`,
    email: `${plain(first)}.${plain(last)}.${seedNo}@example.com`,
    phone: seedNo % 3 === 0 ? null : `+4420${String(70_000_000 + (mix(seedNo) % 10_000_000))}`,
    address:
      seedNo % 4 === 0
        ? null
        : { city, country, line1: `${1 + (seedNo % 180)} High Street`, line2: null, postal_code: String(10_000 + (seedNo % 89_999)), state: null },
    metadata: { seed: String(seedNo) },
  };
}

/** Fourteen letters and digits. Multiplying by an odd number permutes the 32-bit integers, so no two seeds of an account share an id. */
function seedId(salt: number, seedNo: number): string {
  return `cus_${base62(mix(seedNo ^ salt), 6)}${base62(Math.imul(seedNo + salt, 0x9e3779b1) >>> 0, 6)}${base62(mix(seedNo) % 3_844, 2)}`;
}

function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

function pick<T>(from: readonly T[], number: number): T {
  return from[number % from.length] as T;
}

function plain(name: string): string {
  return name.normalize('NFD').replaceAll(/[^A-Za-z]/g, '').toLowerCase();
}
