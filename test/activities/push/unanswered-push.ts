import { expect } from 'vitest';
import { createRecordStores } from '../../../db/records/record-store.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import type { QuickBooksSyncWorld } from './quickbooks-world.ts';

export interface WireCustomer extends Readonly<Record<string, unknown>> {
  readonly Id: string;
  readonly DisplayName: string;
}

/** How many customers the push creates: `Ours 0` and on. */
export const CUSTOMERS = 3;

/** Begins a push that has created the venue's customers at QuickBooks, and whose answer is not stored. */
export async function pushWithoutAnswer(world: QuickBooksSyncWorld, venue: TestVenue) {
  await createRecordStores(world.database.db, RECORD_KINDS)
    .of(RECORD_KINDS.get('customers'))
    .upsertMany(
      venue.venueId,
      Array.from({ length: CUSTOMERS }, (_, index) => ({ sourceId: `c-${index}`, name: `Ours ${index}` })) as never,
    );
  const match = { path: '/v3/company/\\d+/batch' };
  await world.quickbooks.fault({ kind: 'commit-then-fail', status: 503, match, times: 1 });
  const input = await world.open(venue, 'push', 'full', { resource: 'customers' });
  await world.begin(input);
  await expect(world.chunk(input)).rejects.toThrow();
  return input;
}

/** The names of the venue's customers, in order. */
export async function customerNames(world: QuickBooksSyncWorld, venue: TestVenue): Promise<readonly string[]> {
  const rows = await world.database.admin<{ name: string }[]>`
    select name from customers where venue_id = ${venue.venueId} order by name`;
  return rows.map(({ name }) => name);
}
