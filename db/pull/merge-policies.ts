import { sql } from 'drizzle-orm';
import type { MergePolicy } from '../../contracts/records.ts';
import { fieldPolicies } from '../../domain/mapping/field-policies.ts';
import { policiesOf } from '../../domain/mapping/mapping.ts';
import type { MappingDefinition } from '../../domain/mapping/mapping.ts';
import type { KindScope } from '../runs/run-scope.ts';
import type { Transaction } from '../core/venue-scope.ts';

/** The policies of one connection and resource. */
export interface MergePolicies {
  /** The policy of a field, or of a key of a map, by its path. */
  readonly of: (path: string) => MergePolicy;
  /** The policy for a record that one side deletes while the other changes it. */
  readonly ofRecord: MergePolicy;
}

/** Reads the policies from the active field mapping. */
export async function readMergePolicies(
  tx: Transaction,
  { connectionId, resource }: Pick<KindScope, 'connectionId' | 'resource'>,
): Promise<MergePolicies> {
  const [row] = await tx.execute<{ definition: Partial<MappingDefinition> }>(sql`
    select definition from field_mappings where connection_id = ${connectionId} and resource = ${resource} and active`);
  const { fields = [], ...rest } = row?.definition ?? {};
  const definition = { fields, ...rest };
  return { of: fieldPolicies(definition), ofRecord: policiesOf(definition).deletionPolicy };
}
