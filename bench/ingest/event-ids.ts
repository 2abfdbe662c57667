import { randomUUID } from 'node:crypto';

/**
 * How the ids of a provider's events follow one another. Stripe's begin with the second in which they were made: in its
 * own fixtures objects made one after the other are `evt_1Pgc76…`, `prv_1Pgc79…`, `obp_1Pgc7H…`
 * (https://github.com/stripe/openapi/blob/master/openapi/fixtures3.json, read 2026-11-30), so that an index of them
 * grows at its end. Square's and Intuit's are UUIDs, each of which falls into another page of an index.
 */
export type IdOrder = 'by-time' | 'random';

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const BASE = DIGITS.length;
/** Enough for seconds until the year 3769. */
const TIME_DIGITS = 6;

/** An id like Stripe's: the time, a part that objects of one account share, and a part of its own. */
function idByTime(epochS: number, account: string): string {
  let time = '';
  for (let rest = epochS; time.length < TIME_DIGITS; rest = Math.floor(rest / BASE))
    time = DIGITS.charAt(rest % BASE) + time;
  return `evt_${time}${account.slice(-8)}${randomUUID().slice(-10)}`;
}

export const anEventId = (order: IdOrder, epochS: number, account: string): string =>
  order === 'by-time' ? idByTime(epochS, account) : `evt_${randomUUID()}`;

/** The same in SQL, of the time `at` and the account `acct_` and a number `n`. */
export const eventIdSql = (order: IdOrder): string =>
  order === 'random'
    ? `'evt_' || gen_random_uuid()`
    : `'evt_' || ${Array.from(
        { length: TIME_DIGITS },
        (_, digit) =>
          `substr('${DIGITS}', (extract(epoch from at)::bigint / ${BASE ** (TIME_DIGITS - 1 - digit)} % ${BASE})::int + 1, 1)`,
      ).join(' || ')} || lpad((n % 1000)::text, 8, '0') || substr(gen_random_uuid()::text, 27)`;
