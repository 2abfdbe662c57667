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
