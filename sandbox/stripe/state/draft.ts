import type { TimelineItem } from '../../core/timeline.ts';
import { SHAPES } from '../http/objects.ts';
import type { FieldsOf, Kind } from '../http/objects.ts';
import type { AccountState } from './account-state.ts';
import type { Lookup } from '../http/expansion.ts';
import { API_VERSION, anEvent } from '../events/event.ts';
import { hearsOf, inVersion } from '../events/old-versions.ts';
import { previousAttributes } from '../events/previous-attributes.ts';
import type { Change, StripeState } from './state.ts';
import type { Item, Stored } from '../http/table.ts';

export type Objekt<K extends Kind> = Stored<FieldsOf[K]>;

interface Cause {
  readonly state: StripeState;
  readonly account: AccountState;
  readonly requestId: string | null;
  readonly idempotencyKey: string | null;
}

/**
 * The pending changes of one request, with their events. Reads see what the draft has written. Nothing takes effect
 * until the changes are committed.
 */
export class Draft implements Lookup {
  /** Default creation time of new objects, in seconds. Events always use the sandbox's clock. */
  nowSeconds: number;
  readonly account: AccountState;
  readonly #cause: Cause;
  readonly #items = new Map<Kind, Map<string, Item<unknown>>>();
  readonly #events: Change[] = [];
  readonly #told: boolean;
  #nextOrder: number;

  /** `told: false` creates no events, because seeded objects count as having existed before. */
  constructor(
    cause: Cause,
    { told = true, nowSeconds }: { readonly told?: boolean; readonly nowSeconds?: number | undefined } = {},
  ) {
    this.#cause = cause;
    this.#told = told;
    this.account = cause.account;
    this.nowSeconds = nowSeconds ?? cause.state.clock.nowSeconds();
    this.#nextOrder = cause.account.nextOrder;
  }

  /** Sets the creation time of new objects, as a test clock does. Events keep the sandbox's time. */
  at(seconds: number): void {
    this.nowSeconds = seconds;
  }

  find<K extends Kind>(kind: K, id: string): Objekt<K> | undefined {
    const item = this.#items.get(kind)?.get(id) as Item<FieldsOf[K]> | undefined;
    if (!item) return this.account.table(kind).get(id);
    return item.fields === null ? undefined : (item as Objekt<K>);
  }

  price(id: string): FieldsOf['price'] | null {
    return this.find('price', id)?.fields ?? null;
  }

  insert<K extends Kind>(
    kind: K,
    {
      id,
      fields,
      created = this.nowSeconds,
    }: { readonly id: string; readonly fields: FieldsOf[K]; readonly created?: number | undefined },
  ): Objekt<K> {
    const item = { id, created, order: this.#nextOrder++, fields };
    this.#put(kind, item);
    return item;
  }

  /** Writes the object with `patch` over its fields. */
  update<K extends Kind>(kind: K, { id, created, order, fields }: Objekt<K>, patch: Partial<FieldsOf[K]>): Objekt<K> {
    const item = { id, created, order, fields: { ...fields, ...patch } };
    this.#put(kind, item);
    return item;
  }

  /** Like `update`, with its event. A patch that changes nothing writes nothing and creates no event. */
  change<K extends Kind>(
    type: string,
    { kind, before, patch }: { readonly kind: K; readonly before: Objekt<K>; readonly patch: Partial<FieldsOf[K]> },
  ): Objekt<K> {
    const after = { ...before, fields: { ...before.fields, ...patch } };
    if (JSON.stringify(after.fields) === JSON.stringify(before.fields)) return before;
    const object = this.update(kind, before, patch);
    this.tell(type, { kind, object, before });
    return object;
  }

  remove(kind: Kind, { id, created, order }: TimelineItem): void {
    this.#put(kind, { id, created, order, fields: null });
  }

  /** The object as the API shows it. */
  render<K extends Kind>(kind: K, object: Objekt<K>): object {
    return SHAPES[kind].render(object, this.#cause.state.clock.nowSeconds());
  }

  /**
   * Adds an event about the object's current state, in the shape of the account's API version. With `before`, the event
   * lists what changed; when nothing did, there is no event.
   */
  tell<K extends Kind>(
    type: string,
    about: { readonly kind: K; readonly object: Objekt<K>; readonly before?: Objekt<K> },
  ): void {
    const { apiVersion = API_VERSION } = this.account.profile;
    if (!this.#told || !hearsOf(apiVersion, type)) return;
    const shown = (object: Objekt<K>) => inVersion(apiVersion, this.render(about.kind, object), this);
    const now = shown(about.object);
    const previous = about.before ? previousAttributes(shown(about.before), now) : null;
    if (about.before && previous === null) return;
    const event = anEvent({
      type,
      apiVersion,
      objectJson: JSON.stringify(now),
      previous,
      created: this.#cause.state.clock.nowSeconds(),
      order: this.#nextOrder++,
      requestId: this.#cause.requestId,
      idempotencyKey: this.#cause.idempotencyKey,
    });
    this.#events.push({ op: 'event', account: this.account.profile.id, event });
  }

  get changes(): readonly Change[] {
    const account = this.account.profile.id;
    const puts = [...this.#items].map(([kind, items]): Change => ({
      op: 'put',
      account,
      kind,
      items: [...items.values()],
    }));
    return [...puts, ...this.#events];
  }

  /** Implements `Lookup` for expansion. */
  object(kind: Kind, id: string): object | null {
    const object = this.find(kind, id);
    return object ? structuredClone(this.render(kind, object)) : null;
  }

  /** Objects by an index, newest first, including those of the draft. */
  where<K extends Kind>(kind: K, key: string, value: string): Objekt<K>[] {
    const table = this.account.table(kind);
    const drafted = [...(this.#items.get(kind)?.values() ?? [])] as Item<FieldsOf[K]>[];
    const valueOf = SHAPES[kind].keys[key];
    const untouched = table.where(key, value).filter(({ id }) => this.#items.get(kind)?.has(id) !== true);
    const fitting = drafted.filter(
      (item): item is Objekt<K> => item.fields !== null && valueOf?.(item.fields) === value,
    );
    return [...untouched, ...fitting].sort((a, b) => b.created - a.created || b.order - a.order);
  }

  list(kind: Kind, key: string, value: string): object[] {
    return this.where(kind, key, value).map((object) => structuredClone(this.render(kind, object)));
  }

  #put(kind: Kind, item: Item<unknown>): void {
    const items = this.#items.get(kind) ?? new Map<string, Item<unknown>>();
    items.set(item.id, item);
    this.#items.set(kind, items);
  }
}
