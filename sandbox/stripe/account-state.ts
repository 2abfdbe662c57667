import { Timeline } from '../core/timeline.ts';
import type { AccountProfile } from './account.ts';
import { renderCustomer } from './customer.ts';
import type { CustomerFields, CustomerRow } from './customer.ts';
import { EVENT_RETENTION_SECONDS } from './event.ts';
import type { EventRow } from './event.ts';
import { KEY_RETENTION_MS } from './idempotency.ts';
import type { KeyRecord } from './idempotency.ts';
import { seedFields, seedRows } from './seeds.ts';
import type { SeedBatch } from './seeds.ts';

/** Above this many customers, nothing that can be made again is kept in memory. */
const KEEP_RENDERED_UP_TO = 50_000;

/** A customer as a change carries it. Null fields: deleted. */
export interface CustomerChange {
  readonly id: string;
  readonly created: number;
  readonly order: number;
  readonly fields: CustomerFields | null;
}

/** Everything that one account holds. Only `StripeState.commit` and the replay of the journal change it. */
export class AccountState {
  profile: AccountProfile;
  readonly customers = new Timeline<CustomerRow>();
  readonly deletedCustomers = new Map<string, CustomerChange>();
  readonly events = new Timeline<EventRow>();
  readonly keys = new Map<string, KeyRecord>();
  /** Keys of requests that are running. In memory only: a killed process runs nothing. */
  readonly keysInUse = new Set<string>();
  readonly seeds: SeedBatch[] = [];
  nextOrder = 0;
  nextSeedNo = 1;

  constructor(profile: AccountProfile) {
    this.profile = profile;
  }

  seed(batch: SeedBatch): void {
    this.seeds.push(batch);
    this.customers.addAll([...seedRows(this.#salt(), batch)]);
    this.nextOrder = Math.max(this.nextOrder, batch.firstOrder + batch.count);
    this.nextSeedNo = Math.max(this.nextSeedNo, batch.firstNo + batch.count);
  }

  putCustomer(change: CustomerChange, nowMs: number): void {
    this.nextOrder = Math.max(this.nextOrder, change.order + 1);
    const row = this.customers.get(change.id);
    if (change.fields === null) {
      if (row) this.customers.remove(row);
      this.deletedCustomers.set(change.id, change);
      return;
    }
    const stale = { sinceMs: nowMs, fields: row ? this.fieldsOf(row) : null };
    if (row) Object.assign(row, { fields: change.fields, stale, json: null });
    else this.customers.add({ ...change, seedNo: null, stale, json: null });
  }

  putEvent(event: EventRow, nowSeconds: number): void {
    this.nextOrder = Math.max(this.nextOrder, event.order + 1);
    this.events.add(event);
    const keptFrom = nowSeconds - EVENT_RETENTION_SECONDS;
    if ((this.events.oldest?.created ?? keptFrom) < keptFrom) this.events.removeOlderThan(keptFrom);
  }

  putKey(key: string, record: KeyRecord, nowMs: number): void {
    // Set again, so that the map stays in order of age.
    this.keys.delete(key);
    this.keys.set(key, record);
    for (const [oldKey, old] of this.keys) {
      if (nowMs - old.atMs <= KEY_RETENTION_MS) break;
      this.keys.delete(oldKey);
    }
  }

  fieldsOf(row: CustomerRow): CustomerFields {
    if (row.fields) return row.fields;
    const fields = seedFields(row.seedNo ?? 0);
    if (this.customers.size <= KEEP_RENDERED_UP_TO) row.fields = fields;
    return fields;
  }

  /** The customer as its JSON, made once while there are few enough to keep. */
  customerJson(row: CustomerRow): string {
    if (row.json !== null) return row.json;
    const json = JSON.stringify(renderCustomer(row.id, row.created, this.fieldsOf(row)));
    if (this.customers.size <= KEEP_RENDERED_UP_TO) row.json = json;
    return json;
  }

  #salt(): number {
    return Number.parseInt(Buffer.from(this.profile.id.slice(-4)).toString('hex'), 16) >>> 0;
  }
}
