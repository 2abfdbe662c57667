import type { ConnectionId, RecordId, VenueId } from '../contracts/ids.ts';
import type { CustomerFields, CustomerRecord } from '../contracts/records.ts';
import type { Page, PageRequest } from './page.ts';

/** Fields a caller sent: an absent one keeps its value, null clears it. */
export type CustomerChanges = { readonly [Field in keyof CustomerFields]?: CustomerFields[Field] | undefined };

export type CustomerInput = CustomerChanges & { readonly sourceId: string };

export interface CustomerFilter {
  readonly sourceId?: string | undefined;
  readonly updatedSince?: Date | undefined;
  readonly connectionId?: ConnectionId | undefined;
  readonly includeDeleted: boolean;
}

export type UpsertVerdict = 'created' | 'updated' | 'unchanged';

export interface CustomerStore {
  /**
   * Creates or changes records by `sourceId`, all in one transaction and in the order given; the verdicts are in the same order.
   * `sourceId`s in one call are distinct. A record that would not change keeps its version; a deleted one that is sent again comes back.
   */
  upsertMany(venueId: VenueId, records: readonly CustomerInput[]): Promise<readonly UpsertVerdict[]>;
  /** With each record's links. */
  list(venueId: VenueId, filter: CustomerFilter, page: PageRequest): Promise<Page<CustomerRecord>>;
  find(venueId: VenueId, id: RecordId): Promise<CustomerRecord | null>;
  /** Null when there is none, or it is deleted. An unchanged record keeps its version. */
  update(venueId: VenueId, id: RecordId, changes: CustomerChanges): Promise<CustomerRecord | null>;
}
