import { sql } from 'drizzle-orm';
import type { MergePolicy } from '../../contracts/records.ts';
import type { KindScope } from '../runs/run-scope.ts';
import type { Transaction } from '../core/venue-scope.ts';

/** The policies of one connection and resource. */
export interface MergePolicies {
  /** The policy of a field, by name. */
  readonly of: (field: string) => MergePolicy;
  /** The policy for a record that one side deletes while the other changes it. */
  readonly ofRecord: MergePolicy;
}

/** Loses nothing: a person decides. */
const DEFAULT_POLICY: MergePolicy = 'review';
const POLICIES: ReadonlySet<unknown> = new Set<MergePolicy>(['venue', 'provider', 'newest', 'review']);

/**
 * Reads the policies from the active field mapping: `policy` of the mapping and of each of its fields, under the venue's
 * name of the field.
 */
export async function readMergePolicies(
  tx: Transaction,
  { connectionId, resource }: Pick<KindScope, 'connectionId' | 'resource'>,
): Promise<MergePolicies> {
  const [row] = await tx.execute<{ definition: Definition }>(sql`
    select definition from field_mappings where connection_id = ${connectionId} and resource = ${resource} and active`);
  const { policy, fields = [] } = row?.definition ?? {};
  const byField = new Map(
    fields.flatMap(({ source, target, policy: own }) => {
      const name = (source ?? target)?.split('.')[0];
      return name === undefined || !isPolicy(own) ? [] : [[name, own] as const];
    }),
  );
  const ofRecord = isPolicy(policy) ? policy : DEFAULT_POLICY;
  return { of: (field) => byField.get(field) ?? ofRecord, ofRecord };
}

interface Definition {
  readonly policy?: unknown;
  readonly fields?: readonly { readonly source?: string; readonly target?: string; readonly policy?: unknown }[];
}

const isPolicy = (value: unknown): value is MergePolicy => POLICIES.has(value);
