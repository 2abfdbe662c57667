import type { VenueId } from '../../contracts/ids.ts';
import type { Page, PageRequest } from '../../db/core/page.ts';
import type { RecordFilter, RecordStore, StoredRecord } from '../../db/records/record-store.ts';

/** A page of a store's records, parsed from the texts that answers show. */
export async function listRecords<Fields>(
  store: RecordStore<Fields>,
  venueId: VenueId,
  { filter, page }: { readonly filter: RecordFilter; readonly page: PageRequest },
): Promise<Page<StoredRecord<Fields>>> {
  const { data, ...rest } = await store.list(venueId, filter, page);
  return { ...rest, data: data.map((json) => JSON.parse(json) as StoredRecord<Fields>) };
}
