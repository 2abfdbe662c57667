import { Timeline } from '../../core/timeline.ts';
import type { AccountProfile } from './account.ts';
import { EVENT_RETENTION_SECONDS } from '../events/event.ts';
import type { EventRow } from '../events/event.ts';
import { KEY_RETENTION_MS } from '../http/idempotency.ts';
import type { KeyRecord } from '../http/idempotency.ts';
import { KINDS, SHAPES } from '../http/objects.ts';
import type { FieldsOf, Kind } from '../http/objects.ts';
import type { SeedBatch } from '../control/seeds.ts';
import { Table } from '../http/table.ts';
import type { Item, Shape } from '../http/table.ts';

/** Everything that one account holds. Only `StripeState.commit` and the journal's replay change it. */
export class AccountState {
  profile: AccountProfile;
  readonly events = new Timeline<EventRow>();
  readonly keys = new Map<string, KeyRecord>();
  /** Keys of running requests. In memory only, because a killed process runs nothing. */
  readonly keysInUse = new Set<string>();
  nextOrder = 0;
  readonly #tables: ReadonlyMap<Kind, Table<unknown>>;

  constructor(profile: AccountProfile) {
    this.profile = profile;
    const salt = Number.parseInt(Buffer.from(profile.id.slice(-4)).toString('hex'), 16) >>> 0;
    this.#tables = new Map(KINDS.map((kind) => [kind, new Table(SHAPES[kind] as Shape<unknown>, salt)]));
  }

  table<K extends Kind>(kind: K): Table<FieldsOf[K]> {
    return this.#tables.get(kind) as Table<FieldsOf[K]>;
  }

  seed(kind: Kind, batch: SeedBatch): void {
    this.nextOrder = Math.max(this.nextOrder, batch.firstOrder + batch.count);
    this.#tables.get(kind)?.seed(batch);
  }

  put(kind: Kind, items: readonly Item<unknown>[], nowMs: number): void {
    for (const { order } of items) this.nextOrder = Math.max(this.nextOrder, order + 1);
    this.#tables.get(kind)?.put(items, nowMs);
  }

  putEvent(event: EventRow, nowSeconds: number): void {
    this.nextOrder = Math.max(this.nextOrder, event.order + 1);
    this.events.add(event);
    const keptFrom = nowSeconds - EVENT_RETENTION_SECONDS;
    if ((this.events.oldest?.created ?? keptFrom) < keptFrom) this.events.removeOlderThan(keptFrom);
  }

  putKey(key: string, record: KeyRecord, nowMs: number): void {
    // Deletes first, so that the map stays ordered by age.
    this.keys.delete(key);
    this.keys.set(key, record);
    for (const [oldKey, old] of this.keys) {
      if (nowMs - old.atMs <= KEY_RETENTION_MS) break;
      this.keys.delete(oldKey);
    }
  }
}
