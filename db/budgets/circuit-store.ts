import { sql } from 'drizzle-orm';
import type { Environment, ProviderId } from '../../contracts/providers.ts';
import { CLOSED, isProviderDown, opened, stateOf } from '../../domain/circuits/circuit.ts';
import type { Circuit, CircuitLimits, CircuitState } from '../../domain/circuits/circuit.ts';
import type { Database, Transaction, VenueReach } from '../core/venue-scope.ts';
import { connectedAccounts } from './budget-status-store.ts';

/** A circuit that is not closed or whose last calls failed. */
export interface CircuitStatus {
  readonly environment: Environment;
  /** Null stands for all accounts. */
  readonly externalAccountId: string | null;
  readonly state: CircuitState;
  readonly failures: number;
  readonly openedAt: Date | null;
  readonly retryAt: Date | null;
}

interface Place {
  readonly provider: ProviderId;
  readonly environment: Environment;
}

/** How many circuits of one provider and environment are in one state, those of its accounts and its own apart. */
export interface CircuitCount {
  readonly provider: ProviderId;
  readonly environment: Environment;
  readonly scope: 'provider' | 'account';
  readonly state: Exclude<CircuitState, 'closed'>;
  readonly count: number;
}

export interface CircuitStore {
  read(keys: readonly string[]): Promise<ReadonlyMap<string, Circuit>>;
  update<T>(
    key: string,
    change: (circuit: Circuit, now: Date) => { readonly circuit: Circuit; readonly answer: T },
  ): Promise<T>;
  openIfProviderIsDown(place: Place, limits: CircuitLimits): Promise<void>;
  /** Circuits that are not closed. */
  count(): Promise<readonly CircuitCount[]>;
  /**
   * The provider's own circuits and those of accounts that a venue within `reach` has connected; at most 200, latest
   * first.
   */
  list(provider: ProviderId, reach: VenueReach): Promise<readonly CircuitStatus[]>;
}

interface Row extends Record<string, unknown> {
  key: string;
  failures: number;
  successes: number;
  opened_at: string | null;
  retry_at: string | null;
  probing_until: string | null;
  now: string;
}

interface CountRow extends Record<string, unknown>, CircuitCount {}

const COLUMNS = sql`key, failures, successes, opened_at, retry_at, probing_until, clock_timestamp() as now`;
const MAX_LISTED = 200;

/**
 * Circuits as rows shared by all processes. A closed circuit without failures has no row. All times are by the
 * database's clock.
 */
export function createCircuitStore(db: Database): CircuitStore {
  return {
    async read(keys) {
      const rows = await db.execute<Row>(sql`
        select ${COLUMNS} from provider_circuits where key in ${keys}`);
      return new Map(rows.map((row) => [row.key, circuitOf(row)]));
    },

    update: (key, change) => db.transaction((tx) => update(tx, key, change)),

    openIfProviderIsDown: ({ provider, environment }, limits) =>
      db.transaction(async (tx) => {
        const prefix = `${provider}/${environment}/`;
        const [counted] = await tx.execute<{ failing: number; called: number }>(sql`
          select
            (select count(*)::int from provider_circuits
              where starts_with(key, ${prefix}) and key <> ${`${prefix}*`} and opened_at is not null) as failing,
            (select count(*)::int from provider_budgets
              where starts_with(key, ${prefix}) and next_free_at > clock_timestamp() - interval '1 minute') as called`);
        if (!counted || !isProviderDown(counted)) return;
        await update(tx, `${prefix}*`, (circuit, now) => ({
          circuit: circuit.openedAt === null ? opened(counted.failing, now, limits) : circuit,
          answer: null,
        }));
      }),

    async count() {
      const rows = await db.execute<CountRow>(sql`
        select split_part(key, '/', 1) as provider, split_part(key, '/', 2) as environment,
          case when split_part(key, '/', 3) = '*' then 'provider' else 'account' end as scope,
          case when retry_at > clock_timestamp() then 'open' else 'half-open' end as state, count(*)::int as count
        from provider_circuits
        where opened_at is not null and split_part(key, '/', 2) in ('sandbox', 'production')
        group by 1, 2, 3, 4`);
      return rows;
    },

    async list(provider, reach) {
      const accounts = reach === '*' ? null : await connectedAccounts(db, provider, reach);
      const prefix = `${provider}/`;
      const keys = accounts && [
        ...(['sandbox', 'production'] as const).map((environment) => `${prefix}${environment}/*`),
        ...accounts.map(({ environment, externalAccountId }) => `${prefix}${environment}/${externalAccountId}`),
      ];
      const rows = await db.execute<Row>(sql`
        select ${COLUMNS} from provider_circuits
        where ${keys ? sql`key in ${keys}` : sql`starts_with(key, ${prefix})`}
        order by updated_at desc limit ${MAX_LISTED}`);
      return rows.flatMap((row) => statusOf(row, prefix));
    },
  };
}

async function update<T>(
  tx: Transaction,
  key: string,
  change: (circuit: Circuit, now: Date) => { readonly circuit: Circuit; readonly answer: T },
): Promise<T> {
  await tx.execute(sql`insert into provider_circuits (key) values (${key}) on conflict (key) do nothing`);
  const [row] = await tx.execute<Row>(sql`select ${COLUMNS} from provider_circuits where key = ${key} for update`);
  if (!row) throw new Error('a circuit has no row');
  const { circuit, answer } = change(circuitOf(row), new Date(row.now));
  if (circuit.failures === 0 && circuit.openedAt === null)
    await tx.execute(sql`delete from provider_circuits where key = ${key}`);
  else
    await tx.execute(sql`
      update provider_circuits set failures = ${circuit.failures}, successes = ${circuit.successes},
        opened_at = ${iso(circuit.openedAt)}, retry_at = ${iso(circuit.retryAt)},
        probing_until = ${iso(circuit.probingUntil)}, updated_at = now()
      where key = ${key}`);
  return answer;
}

const iso = (at: Date | null) => at?.toISOString() ?? null;
const dateOf = (text: string | null) => (text === null ? null : new Date(text));

const circuitOf = (row: Row): Circuit => ({
  ...CLOSED,
  failures: row.failures,
  successes: row.successes,
  openedAt: dateOf(row.opened_at),
  retryAt: dateOf(row.retry_at),
  probingUntil: dateOf(row.probing_until),
});

/** Empty for keys that are being tested, whose account is unknown. */
function statusOf(row: Row, prefix: string): CircuitStatus[] {
  const [, environment, account] = /^(sandbox|production)\/(.+)$/.exec(row.key.slice(prefix.length)) ?? [];
  if (environment === undefined || account === undefined) return [];
  const { failures, openedAt, retryAt } = circuitOf(row);
  return [
    {
      environment: environment as Environment,
      externalAccountId: account === '*' ? null : account,
      state: stateOf(circuitOf(row), new Date(row.now)),
      failures,
      openedAt,
      retryAt,
    },
  ];
}
