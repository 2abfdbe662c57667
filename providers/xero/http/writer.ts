import { readItems, textAt } from '../../items.ts';
import { inOrder } from '../../outcomes-in-order.ts';
import { ProviderError } from '../../provider-error.ts';
import { remoteChanged } from '../../remote-changed.ts';
import type {
  BatchedCreation,
  BatchedUpdate,
  BatchOutcome,
  ProviderRecord,
  ResourceWriter,
  UpdateOptions,
  WriteOptions,
  WrittenRecord,
} from '../../provider.ts';
import { keyOf, missingObject, unreadableObject } from './ask.ts';
import type { Ask } from './ask.ts';
import { MOST_ELEMENTS, writeElements } from './elements.ts';
import { askObjects } from './lists.ts';
import type { Collection, LookUp } from './lists.ts';

type Body = Readonly<Record<string, unknown>>;

/** How objects of a collection are written. */
export interface WrittenCollection<Item> extends LookUp {
  readonly collection: Collection<Item>;
  readonly idOf: (item: Item) => string;
  readonly versionOf: (item: Item) => number;
  /** Whether an object is a record that can be updated. */
  readonly isPresent: (item: Item) => boolean;
  /** Hears what an earlier reading has left with a link. */
  readonly learn?: (state: UpdateOptions['externalState']) => void;
  /** What a write has left; an error where it is no record any more. */
  readonly toRecord: (item: Item) => WrittenOutcome | Promise<WrittenOutcome>;
  readonly newBody: (payload: Body) => Body | Promise<Body>;
  /** For each new object that was refused what is sent in its place, or is told of it; null where the refusal stands. */
  readonly afterRefusals?: (refused: readonly RefusedCreation[]) => Promise<readonly (Body | ProviderError | null)[]>;
  /** Only the properties that differ. */
  readonly changesTo: (item: Item, payload: Body) => Body | Promise<Body>;
}

export interface RefusedCreation {
  readonly payload: Body;
  readonly error: ProviderError;
}

type WrittenOutcome = ProviderRecord | ProviderError;

type Read<Item> = ReadonlyMap<string, Item | ProviderError>;

/**
 * Writes by requests of 50. Xero keeps the last of two writes whatever the first was, so an update reads the objects first,
 * compares their times, and sends only what differs.
 */
export function createBatchWriter<Item>(
  ask: Ask,
  written: WrittenCollection<Item>,
): Pick<ResourceWriter, 'create' | 'update' | 'batch'> {
  const { collection } = written;

  const create = async (
    creations: readonly BatchedCreation[],
    { idempotencyKey }: WriteOptions,
  ): Promise<readonly BatchOutcome[]> => {
    const bodies = await inOrder(creations, ({ mapped }) => written.newBody(mapped.payload));
    const outcomes = await send(bodies, { method: 'PUT', idempotencyKey: keyOf(idempotencyKey) });
    const refused = new Map<number, RefusedCreation>();
    for (const [index, { mapped }] of creations.entries()) {
      const error = outcomes[index];
      if (error instanceof ProviderError) refused.set(index, { payload: mapped.payload, error });
    }
    if (refused.size === 0 || !written.afterRefusals) return outcomes;
    const replies = await written.afterRefusals([...refused.values()]);
    const places = [...refused.keys()];
    const others = creations.map((_, index) => replies[places.indexOf(index)] ?? null);
    const second = await send(others, { method: 'PUT', idempotencyKey: keyOf(idempotencyKey, 'after-refusal') });
    return outcomes.map((outcome, index) => (others[index] === null ? outcome : (second[index] ?? outcome)));
  };

  const update = async (
    updates: readonly BatchedUpdate[],
    { idempotencyKey }: WriteOptions,
  ): Promise<readonly BatchOutcome[]> => {
    for (const { externalState } of updates) written.learn?.(externalState);
    const current = await readByIds(ask, written, updates);
    const changes = await inOrder(updates, (one) => changeOf(written, one, current.get(one.externalId.toLowerCase())));
    // A key stands for this state of the objects alone.
    const states = changes.map((change) =>
      change instanceof ProviderError ? '' : `${written.idOf(change.item)}:${written.versionOf(change.item)}`,
    );
    const bodies = changes.map((change) => (change instanceof ProviderError ? change : change.body));
    const outcomes = await send(bodies, { method: 'POST', idempotencyKey: keyOf(idempotencyKey, ...states) });
    return inOrder(changes, (change, index) =>
      !(change instanceof ProviderError) && change.body === null
        ? written.toRecord(change.item)
        : writtenOf(change, outcomes[index] ?? missingObject()),
    );
  };

  /** What was told of another object says nothing of this one, and would tie its record to the other. */
  const writtenOf = (change: Change<Item> | ProviderError, told: BatchOutcome): BatchOutcome =>
    told instanceof ProviderError ||
    change instanceof ProviderError ||
    told.externalId.toLowerCase() === written.idOf(change.item).toLowerCase()
      ? told
      : unreadableObject(`${collection.idProperty}: expected that of the element that was sent`);

  /** Sends what is to be sent in one call; errors and what has nothing to send keep their places. */
  async function send(
    bodies: readonly (Body | ProviderError | null)[],
    options: { readonly method: 'PUT' | 'POST'; readonly idempotencyKey: string },
  ): Promise<readonly BatchOutcome[]> {
    const elements = bodies.flatMap((body) => (body === null || body instanceof ProviderError ? [] : [body]));
    const answers = elements.length === 0 ? [] : await writeElements(ask, collection, { ...options, elements });
    const outcomes = new Map(elements.map((element, index) => [element, answers[index]]));
    return inOrder(bodies, (body): BatchOutcome | Promise<BatchOutcome> => {
      if (body === null || body instanceof ProviderError) return body ?? missingObject();
      const outcome = outcomes.get(body);
      if (outcome === undefined) return unreadableObject(`${collection.name}: an element is missing`);
      return outcome instanceof ProviderError ? outcome : written.toRecord(outcome);
    });
  }

  return {
    create: async (mapped, options) => only(await create([{ mapped, ...options }], options)),
    update: async (externalId, mapped, options) => only(await update([{ externalId, mapped, ...options }], options)),
    batch: { size: MOST_ELEMENTS, create, update },
  };
}

function only([outcome]: readonly BatchOutcome[]): WrittenRecord {
  if (outcome === undefined) throw new Error('a batch of one has one outcome');
  if (outcome instanceof ProviderError) throw outcome;
  return outcome;
}

async function readByIds<Item>(
  ask: Ask,
  { collection, idOf, withIds, mostIds }: Pick<WrittenCollection<Item>, 'collection' | 'idOf' | 'withIds' | 'mostIds'>,
  updates: readonly Pick<BatchedUpdate, 'externalId'>[],
): Promise<Read<Item>> {
  const ids = updates.map(({ externalId }) => externalId);
  const found = new Map<string, Item | ProviderError>();
  for (let at = 0; at < ids.length; at += mostIds) {
    const raw = await askObjects(ask, collection, { query: withIds(ids.slice(at, at + mostIds)) });
    const { items, unreadable } = readItems(collection.schema, raw, (one) => textAt(one, collection.idProperty));
    for (const item of items) found.set(idOf(item).toLowerCase(), item);
    for (const { externalId, issues } of unreadable)
      if (externalId !== null) found.set(externalId.toLowerCase(), unreadableObject(issues));
  }
  return found;
}

interface Change<Item> {
  readonly item: Item;
  /** Null: the object is as it is wanted. */
  readonly body: Body | null;
}

async function changeOf<Item>(
  written: WrittenCollection<Item>,
  update: BatchedUpdate,
  item: Item | ProviderError | undefined,
): Promise<Change<Item> | ProviderError> {
  if (item instanceof ProviderError) return item;
  if (item === undefined || !written.isPresent(item)) return missingObject();
  const newer = remoteChanged('xero', update, written.versionOf(item));
  if (newer) return newer;
  const changed = await written.changesTo(item, update.mapped.payload);
  const id = { [written.collection.idProperty]: written.idOf(item) };
  return { item, body: Object.keys(changed).length === 0 ? null : { ...id, ...changed } };
}
