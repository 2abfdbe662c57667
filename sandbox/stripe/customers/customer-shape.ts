import { EMPTY_FIELDS, renderCustomer } from './customer.ts';
import type { CustomerFields } from './customer.ts';
import { mix, pick, seedCode } from '../control/seeds.ts';
import type { Shape } from '../http/table.ts';

const FIRST_NAMES = [
  'Amara',
  'Björn',
  'Chloé',
  'Dmitri',
  'Elif',
  'Fatima',
  'Giulia',
  'Hiroshi',
  'Ines',
  'Jakub',
  'Katarína',
  'Liam',
  'Mei',
  'Noor',
  'Oisín',
  'Priya',
  'Quentin',
  'Rosa',
  'Søren',
  'Tomás',
  'Uma',
  'Viktor',
  'Wanjiru',
  'Xavier',
  'Yusuf',
  'Zofia',
];
const LAST_NAMES = [
  'Andersen',
  'Baker',
  'Castillo',
  'Dubois',
  'Eriksson',
  'Fischer',
  'García',
  'Hughes',
  'Ivanov',
  'Jansen',
  'Kowalski',
  'Lopes',
  'Müller',
  "O'Neill",
  'Okafor',
  'Petrov',
  'Rossi',
  'Silva',
  'Tanaka',
  'Ueda',
  'Varga',
  'Wright',
  'Zhang',
];
const CITIES: readonly (readonly [city: string, country: string])[] = [
  ['Berlin', 'DE'],
  ['Lisboa', 'PT'],
  ['Leeds', 'GB'],
  ['Nantes', 'FR'],
  ['Malmö', 'SE'],
  ['Kraków', 'PL'],
  ['Portland', 'US'],
];

export const customerShape: Shape<CustomerFields> = {
  render: renderCustomer,
  keys: { email: (fields) => fields.email, test_clock: (fields) => fields.test_clock ?? null },
  seed: { id: (salt, no) => `cus_${seedCode(salt, no)}`, fields: ({ no }) => seededCustomer(no) },
};

function seededCustomer(seedNo: number): CustomerFields {
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
        : {
            city,
            country,
            line1: `${1 + (seedNo % 180)} High Street`,
            line2: null,
            postal_code: String(10_000 + (seedNo % 89_999)),
            state: null,
          },
    metadata: { seed: String(seedNo) },
  };
}

function plain(name: string): string {
  return name
    .normalize('NFD')
    .replaceAll(/[^A-Za-z]/g, '')
    .toLowerCase();
}
