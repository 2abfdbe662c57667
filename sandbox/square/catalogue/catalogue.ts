import type { SquareRequest } from '../http/endpoint.ts';
import { newSquareId } from '../state/ids.ts';
import type { SquareState, WireObject } from '../state/square-state.ts';

/** One merchant's catalogue. Items are stored without their variations, which are objects of their own. */
export class Catalogue {
  readonly #state: SquareState;
  readonly #merchant: string;
  /** Living variations by their item; made when it is first asked for, and anew after a change. */
  #variations: Map<unknown, WireObject[]> | null = null;

  constructor({ state, merchant }: Pick<SquareRequest, 'state' | 'merchant'>) {
    this.#state = state;
    this.#merchant = merchant;
  }

  get(id: string): WireObject | undefined {
    return this.#state.get(this.#merchant, 'catalogue', id);
  }

  all(): readonly WireObject[] {
    return this.#state.list(this.#merchant, 'catalogue');
  }

  /** The version of the next change: later than any other of this catalogue, and the time of the change where it can be. */
  nextVersion(nowMs: number): number {
    return this.all().reduce((highest, object) => Math.max(highest, Number(object['version']) + 1), nowMs);
  }

  put(objects: readonly WireObject[]): void {
    this.#variations = null;
    this.#state.put(
      this.#merchant,
      'catalogue',
      objects.map((object) => [String(object['id']), object]),
    );
  }

  /** Of an item, in the order of their being stored. */
  variationsOf(itemId: unknown): readonly WireObject[] {
    if (this.#variations === null) {
      this.#variations = new Map();
      for (const object of this.all()) {
        if (!isA(object, 'ITEM_VARIATION') || isDeleted(object)) continue;
        const item = dataOf(object)['item_id'];
        this.#variations.set(item, [...(this.#variations.get(item) ?? []), object]);
      }
    }
    return this.#variations.get(itemId) ?? [];
  }

  /** As Square answers with it: an item with its variations. */
  render(object: WireObject): WireObject {
    if (!isA(object, 'ITEM') || isDeleted(object)) return object;
    return { ...object, item_data: { ...dataOf(object), variations: this.variationsOf(object['id']) } };
  }

  /** What these objects name by id, one level deep. */
  relatedTo(objects: readonly WireObject[]): readonly WireObject[] {
    const given = new Set(objects.map(({ id }) => id));
    const ids = new Set(objects.flatMap((object) => namedBy(this.render(object))).filter((id) => !given.has(id)));
    return [...ids].flatMap((id) => {
      const object = this.get(id);
      return object && !isDeleted(object) ? [this.render(object)] : [];
    });
  }

  /** Marks an object as deleted, and an item's variations with it. Answers their ids. */
  delete(object: WireObject, nowMs: number): readonly string[] {
    const doomed = [object, ...(isA(object, 'ITEM') ? this.variationsOf(object['id']) : [])];
    const version = this.nextVersion(nowMs);
    const updatedAt = new Date(nowMs).toISOString();
    this.put(doomed.map((one) => ({ ...one, is_deleted: true, version, updated_at: updatedAt })));
    return doomed.map(({ id }) => String(id));
  }
}

export const isA = (object: WireObject, type: string): boolean => object['type'] === type;
export const isDeleted = (object: WireObject): boolean => object['is_deleted'] === true;

const DATA_NAMES: Readonly<Record<string, string>> = {
  ITEM: 'item_data',
  ITEM_VARIATION: 'item_variation_data',
  CATEGORY: 'category_data',
  IMAGE: 'image_data',
  CUSTOM_ATTRIBUTE_DEFINITION: 'custom_attribute_definition_data',
};

/** The field of an object that holds what its type has; null for a type that the stand-in does not have. */
export const dataNameOf = (type: unknown): string | null => DATA_NAMES[String(type)] ?? null;

export function dataOf(object: WireObject): WireObject {
  const name = dataNameOf(object['type']);
  return name === null ? {} : ((object[name] ?? {}) as WireObject);
}

function namedBy(object: WireObject): readonly string[] {
  const data = dataOf(object);
  if (isA(object, 'ITEM_VARIATION')) return [String(data['item_id']), ...textsIn(data['image_ids'])];
  const categories = (data['categories'] ?? []) as readonly WireObject[];
  const variations = (data['variations'] ?? []) as readonly WireObject[];
  return [
    ...textsIn(data['image_ids']),
    ...categories.map(({ id }) => String(id)),
    ...variations.flatMap((variation) => textsIn(dataOf(variation)['image_ids'])),
  ];
}

const textsIn = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : []);

/** An item with one variation, as a seller made it at this time. */
export function seededItem(index: number, createdAtMs: number): readonly WireObject[] {
  const itemId = newSquareId();
  const common = {
    updated_at: new Date(createdAtMs).toISOString(),
    version: createdAtMs,
    is_deleted: false,
    present_at_all_locations: true,
  };
  const item = { name: `Item ${index}`, description_plaintext: `What item ${index} is`, is_taxable: true };
  const variation = {
    item_id: itemId,
    name: 'Regular',
    sku: `SKU-${index}`,
    ordinal: 1,
    pricing_type: 'FIXED_PRICING',
    price_money: { amount: 100 + index, currency: 'GBP' },
  };
  return [
    { type: 'ITEM', id: itemId, ...common, item_data: { ...item, product_type: 'REGULAR', is_archived: false } },
    { type: 'ITEM_VARIATION', id: newSquareId(), ...common, item_variation_data: variation },
  ];
}
