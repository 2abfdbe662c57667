import type { Sql } from 'postgres';

/** A row of `explain (analyze, format json)`. */
export interface QueryPlan extends Record<string, unknown> {
  readonly 'QUERY PLAN': readonly [{ readonly Plan: PlanNode }];
}

export interface PlanNode {
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}

/** How many rows each step of a plan has read, including those it filtered out. */
export function rowsRead(node: PlanNode): number[] {
  const own = (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'];
  return [own, ...(node.Plans ?? []).flatMap(rowsRead)];
}

/**
 * Keeps the server from gathering statistics of the tables by itself. It does so at any moment, also between two steps
 * of a test that looks at a plan.
 */
export async function gatherNoStatistics(admin: Sql, ...tables: readonly string[]): Promise<void> {
  for (const table of tables) await admin`alter table ${admin(table)} set (autovacuum_enabled = false)`;
}

/**
 * Has every connection of these pools tell the server's statistics what it has read. A connection tells it up to ten
 * seconds late, so an earlier step's reads would otherwise count as those of the step that is looked at.
 */
export async function tellReads(...pools: readonly Sql[]): Promise<void> {
  for (const pool of pools) {
    // Reserving what is not open yet waits for ever where the driver does not ask for the server's types (postgres 3.4).
    await pool`select`;
    const connections = await Promise.all(Array.from({ length: pool.options.max }, () => pool.reserve()));
    for (const connection of connections) {
      await connection`select pg_stat_force_next_flush()`;
      // It tells them when it is idle, which it has been when it answers again.
      await connection`select`;
      connection.release();
    }
  }
}
