import { eq, sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { Environment, ProviderId } from '../../contracts/providers.ts';
import { CALL_CLASS_MARK, ENVIRONMENTS } from '../../contracts/providers.ts';

import { windowEnd } from './quota-store.ts';
import { effectiveRate } from './slot-queue.ts';
import { connections } from '../schema/connections/connections.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database, VenueReach } from '../core/venue-scope.ts';

/** Current state of one provider account's budget. */
export interface BudgetStatus {
  readonly environment: Environment;
  readonly externalAccountId: string;
  /** The current rate, which is below the full rate while the budget recovers from a 429. */
  readonly ratePerSecond: number;
  /** How long a call would wait now. */
  readonly waitMs: number;
  /** Concurrent requests that are leased out. */
  readonly leasedSlots: number;
  /** Long windows that were counted. */
  readonly windows: readonly WindowStatus[];
}

export interface WindowStatus {
  readonly perSeconds: number;
  readonly used: number;
  readonly endsAt: string;
  /** The class of calls that were counted; null: every call. */
  readonly callClass: string | null;
}

export interface BudgetStatusStore {
  /**
   * Accounts that were called before and that a venue within `reach` has connected; for '*' the latest called. At most
   * 200 per environment.
   */
  read(
    provider: ProviderId,
    reach: VenueReach,
    fullRatePerSecond: Readonly<Record<Environment, number>>,
  ): Promise<readonly BudgetStatus[]>;
  /** Long windows that all accounts of our app share, as far as calls were counted. Crosses venues. */
  readApp(provider: ProviderId, environment: Environment): Promise<readonly WindowStatus[]>;
}

const MAX_ACCOUNTS = 200;

/** The windows of a key and of the classes of its calls. One that has ended counts nothing. */
const windowsOf = (
  key: SQL,
) => sql`(select coalesce(jsonb_agg(jsonb_build_object('perSeconds', q.window_s, 'used', q.used,
    'callClass', nullif(split_part(q.key, ${CALL_CLASS_MARK}, 2), ''),
    'endsAt', to_char((${windowEnd}) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) order by q.window_s, q.key), '[]'::jsonb)
  from provider_quotas q where (q.key = ${key} or starts_with(q.key, ${key} || ${CALL_CLASS_MARK})) and ${windowEnd} > clock_timestamp())`;

export function createBudgetStatusStore(db: Database): BudgetStatusStore {
  return {
    async read(provider, reach, fullRatePerSecond) {
      const accounts = reach === '*' ? null : await connectedAccounts(db, provider, reach);
      const found: BudgetStatus[] = [];
      for (const environment of ENVIRONMENTS) {
        const prefix = `${provider}/${environment}/`;
        const keys = accounts?.flatMap((account) =>
          account.environment === environment ? [prefix + account.externalAccountId] : [],
        );
        if (keys?.length === 0) continue;
        const rows = await db.execute<{
          key: string;
          rate: number;
          wait_ms: number;
          slots: number;
          windows: readonly WindowStatus[];
        }>(sql`
          select budget.key, ${windowsOf(sql`budget.key`)} as windows, ${effectiveRate(fullRatePerSecond[environment])} as rate,
            greatest(0, extract(epoch from budget.next_free_at - clock_timestamp()) * 1000)::float8 as wait_ms,
            (select coalesce(sum(slots), 0)::int from provider_leases where provider_leases.key = budget.key and expires_at > clock_timestamp()) as slots
          from provider_budgets budget
          where ${keys ? sql`budget.key in ${keys}` : sql`starts_with(budget.key, ${prefix}) and strpos(budget.key, ${CALL_CLASS_MARK}) = 0`}
          order by budget.next_free_at desc limit ${MAX_ACCOUNTS}`);
        found.push(
          ...rows.map(({ key, rate, wait_ms, slots, windows }) => ({
            windows,
            environment,
            externalAccountId: key.slice(prefix.length),
            ratePerSecond: rate,
            waitMs: Math.ceil(wait_ms),
            leasedSlots: slots,
          })),
        );
      }
      return found;
    },

    async readApp(provider, environment) {
      const [row] = await db.execute<{ windows: readonly WindowStatus[] }>(
        sql`select ${windowsOf(sql`${`app/${provider}/${environment}`}::text`)} as windows`,
      );
      return row?.windows ?? [];
    },
  };
}

/** Accounts at the provider that one of the venues has connected. */
export async function connectedAccounts(db: Database, provider: ProviderId, venues: Exclude<VenueReach, '*'>) {
  const found: { environment: Environment; externalAccountId: string }[] = [];
  const { environment, externalAccountId } = connections;
  for (const venueId of venues) {
    const rows = await withVenue(db, venueId, (tx) =>
      tx.selectDistinct({ environment, externalAccountId }).from(connections).where(eq(connections.provider, provider)),
    );
    found.push(
      ...rows.flatMap((row) =>
        row.externalAccountId === null ? [] : [{ ...row, externalAccountId: row.externalAccountId }],
      ),
    );
  }
  return found;
}
