import { sql } from 'drizzle-orm';
import type { MergePolicy } from '../../contracts/records.ts';
import { policiesOf } from '../../domain/mapping/mapping.ts';
import type { MappingDefinition } from '../../domain/mapping/mapping.ts';
import type { KindScope } from '../runs/run-scope.ts';
import type { Transaction } from '../core/venue-scope.ts';

/** The policies of one connection and resource. */
export interface MergePolicies {
  /** The policy of a field, by name. */
  readonly of: (field: string) => MergePolicy;
  /** The policy for a record that one side deletes while the other changes it. */
  readonly ofRecord: MergePolicy;
}

/**
 * Reads the policies from the active field mapping: those of the mapping, and `policy` of each of its rules, under the
 * venue's name of the field.
 */
export async function readMergePolicies(
  tx: Transaction,
  { connectionId, resource }: Pick<KindScope, 'connectionId' | 'resource'>,
): Promise<MergePolicies> {
  const [row] = await tx.execute<{ definition: Partial<MappingDefinition> }>(sql`
    select definition from field_mappings where connection_id = ${connectionId} and resource = ${resource} and active`);
  const { fields = [], ...rest } = row?.definition ?? {};
  const { policy, deletionPolicy } = policiesOf({ fields, ...rest });
  const byField = new Map(
    fields.flatMap(({ source, target, policy: own }) => {
      const name = (source ?? target).split('.')[0];
      return name === undefined ? [] : [[name, own] as const];
    }),
  );
  return { of: (field) => byField.get(field) ?? policy, ofRecord: deletionPolicy };
}
