import type { Resource } from '../../contracts/providers.ts';
import { textAt } from '../items.ts';
import type { EventChange, ReadChanges } from '../kit/webhook-definition.ts';
import { externalIdOf, MEANINGS } from './transactions/transactions.ts';

/**
 * An event names its object and tells nothing of it, so each is a hint: the object is read again by its id
 * (https://developer.intuit.com/app/developer/qbo/docs/develop/webhooks, read 2026-11-29).
 */
interface EventEntity {
  /** As the earlier format and the API write it; a CloudEvent writes it in lower case. */
  readonly name: string;
  /** What its objects become, with the id of the record. */
  readonly records: readonly { readonly resource: Resource; readonly idOf: (objectId: string) => string }[];
}

const sameId = (id: string): string => id;

const ENTITIES: readonly EventEntity[] = [
  { name: 'Customer', records: [{ resource: 'customers', idOf: sameId }] },
  {
    name: 'Item',
    records: ['products', 'inventory'].map((resource) => ({ resource, idOf: sameId })),
  },
  { name: 'Invoice', records: [{ resource: 'invoices', idOf: sameId }] },
  ...Object.keys(MEANINGS).map((name) => ({
    name,
    records: [{ resource: 'transactions', idOf: (id: string) => externalIdOf(name, id) }],
  })),
];

/**
 * The operations of both formats. The wire says `void` (seen in 2026 in
 * https://github.com/ballerina-platform/asyncapi-triggers/pull/193, read 2026-11-29), Intuit's announcement `voided`.
 */
const OPERATIONS = {
  cloudEvents: ['created', 'updated', 'deleted', 'merged', 'void', 'voided', 'emailed'],
  legacy: ['Create', 'Update', 'Delete', 'Merge', 'Void', 'Voided', 'Emailed'],
} as const;

const cloudEventType = (entity: string, operation: string) => `qbo.${entity.toLowerCase()}.${operation}.v1`;
const legacyType = (entity: string, operation: string) => `${entity}.${operation}`;

const BY_TYPE: ReadonlyMap<string, EventEntity> = new Map(
  ENTITIES.flatMap((entity) => [
    ...OPERATIONS.cloudEvents.map((operation) => [cloudEventType(entity.name, operation), entity] as const),
    ...OPERATIONS.legacy.map((operation) => [legacyType(entity.name, operation), entity] as const),
  ]),
);

/** Types of events about objects that a resource syncs. */
export const CHANGE_EVENTS: readonly string[] = [...BY_TYPE.keys()];

/** Takes one part of a delivery, in either format. */
export const quickbooksChangesIn: ReadChanges = (delivery) => {
  const { type, ids } = Array.isArray(delivery) ? readCloudEvent(delivery[0]) : readLegacy(delivery);
  const entity = BY_TYPE.get(type);
  return (entity?.records ?? []).flatMap(({ resource, idOf }) =>
    ids.map((id): EventChange => ({ resource, says: 'refetch', externalId: idOf(id) })),
  );
};

interface ReadEvent {
  readonly type: string;
  /** The object; after a merge also the one that is gone. */
  readonly ids: readonly string[];
}

/** https://developer.intuit.com/app/developer/qbo/docs/develop/webhooks/data-objects, read 2026-11-29. */
const readCloudEvent = (event: unknown): ReadEvent => ({
  type: textAt(event, 'type') ?? '',
  ids: idsOf(textAt(event, 'intuitentityid'), textAt(event, 'data', 'deletedid')),
});

function readLegacy(delivery: unknown): ReadEvent {
  const entity = firstOf(firstOf(delivery, 'eventNotifications'), 'dataChangeEvent', 'entities');
  return {
    type: legacyType(textAt(entity, 'name') ?? '', textAt(entity, 'operation') ?? ''),
    ids: idsOf(textAt(entity, 'id'), textAt(entity, 'deletedId')),
  };
}

const idsOf = (...ids: readonly (string | null)[]): readonly string[] => ids.filter((id) => id !== null);

/** The first item of the list at a path of keys. */
function firstOf(value: unknown, ...path: readonly string[]): unknown {
  const found = path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? (at as Readonly<Record<string, unknown>>)[key] : undefined),
    value,
  );
  return Array.isArray(found) ? (found[0] as unknown) : undefined;
}
