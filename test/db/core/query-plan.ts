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
