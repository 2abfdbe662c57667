import { z } from 'zod';
import type { Environment, ProviderId, Resource } from '../../contracts/providers.ts';
import type { Secret } from '../../vault/secret.ts';
import type { ProviderRecord } from '../provider.ts';

/** A request as received. */
export interface WebhookDelivery {
  /** The body's raw bytes, which the signature covers. */
  readonly body: Uint8Array;
  /** Looks a header up by its lower-case name. Undefined: not sent. */
  readonly header: (name: string) => string | undefined;
  /** The address that is registered with the provider. */
  readonly url: string;
}

/**
 * What a type of event means for this service. `revoked`: the account's owner has revoked our app's access, or a token
 * of it. `changed`: objects of resources have changed, as `changesIn` says.
 */
export type WebhookMeaning = 'revoked' | 'changed';

/** What an event says about the objects of one resource. */
export type EventChange = { readonly resource: Resource } & (
  | ToldObject
  /** Only a hint: one object has changed or is gone, and has to be read. */
  | { readonly says: 'refetch'; readonly externalId: string; readonly place?: string | null }
  /** Only a hint: lists of the resource's change feed have something new since this time. */
  | { readonly says: 'refetch-since'; readonly streams: readonly string[]; readonly sinceEpochS: number }
);

/** The object as it was at the event, whole and in the API version of the adapter, or its deletion. */
export interface ToldObject {
  readonly says: 'object';
  readonly record: ProviderRecord;
  /**
   * A reading from this version up to the record's may be the later one, because the provider's clock is too coarse to
   * tell: the object is then read again. The record's own version when versions are exact.
   */
  readonly doubtfulFrom: number;
}

/** What an event tells about itself. */
export interface WebhookEvent {
  /** The provider's own id, the same for every delivery of the event. Null when it has none of a plausible shape. */
  readonly id: string | null;
  /** The provider's name for the type of event. */
  readonly type: string;
  /** Null when the event names no account. */
  readonly account: { readonly environment: Environment; readonly externalAccountId: string } | null;
}

/** An answer that a provider expects before it sends events, or in place of one. */
export interface HandshakeAnswer {
  readonly status: number;
  readonly body: string;
}

export interface HandshakeRequest {
  readonly method: 'GET' | 'POST';
  readonly query: URLSearchParams;
  readonly header: WebhookDelivery['header'];
}

export type ConnectionEndpointKind = 'signed' | 'secret-path';

/** How a provider signs deliveries. */
export interface WebhookSignature {
  /** Whether the headers alone rule out the provider as the sender; checked before the body is read. */
  isSigned(header: WebhookDelivery['header']): boolean;
  /** Whether this secret signed exactly these bytes. Takes constant time. */
  verify(delivery: WebhookDelivery, secret: Secret): boolean;
  /** What a secret looks like that a venue enters for a connection's own address. */
  readonly secretForm?: { readonly pattern: RegExp; readonly description: string };
}

interface Identifiers<Settings> {
  identify(delivery: unknown, settings: Settings): WebhookEvent | null;
}

/** One event of a delivery. */
export interface DeliveredEvent extends WebhookEvent {
  /** What is kept of the delivery for this event. Null: the delivery as it was sent. */
  readonly body: Uint8Array | null;
}

/** The changes that an event of any shape tells. */
export type ReadChanges = (event: unknown) => readonly EventChange[];

/**
 * How a provider's webhooks are verified and read. The kit does the rest: rolling secrets, limits, repeats, and the
 * effects of an event.
 */
export interface WebhookDefinition<Settings> {
  /**
   * The setting with the secrets of the address for all accounts, which the events name. Any of them may have signed,
   * so that one can replace another. Null: there is no such address.
   */
  readonly secrets: string | null;
  /**
   * The address of a connection's own. `signed`: its venue enters the secret. `secret-path`: nothing is signed, and the
   * unguessable address proves the sender. Left out: connections have none.
   */
  readonly connectionEndpoint?: ConnectionEndpointKind;
  /**
   * Sessions register the address of a connection's own, and remove it (`ProviderSession.webhooks`). Left out: the
   * account's owner does. Only where nothing is signed: nobody would keep a secret that is shown at the registration.
   */
  readonly registers?: true;
  /** How a delivery is written; JSON when left out. */
  readonly encoding?: 'form';
  /** Answers requests that are not events, before anything else is checked. Null: it is an event. */
  handshake?(request: HandshakeRequest): HandshakeAnswer | null;
  /** Left out where nothing is signed. */
  readonly signature?: WebhookSignature;
  /** The provider takes an answer with a body for a failure. */
  readonly answersWithoutBody?: true;
  /** Headers that are kept with an event besides those of every provider, in lower case. Never a signature. */
  readonly keptHeaders?: readonly string[];
  /**
   * Cuts a delivery of several events into deliveries of one event each, in the provider's own format. Each becomes an
   * event of its own, so that an event of one account holds nothing of another. Null: not a delivery of this provider.
   * Left out: a delivery is one event.
   */
  split?(delivery: unknown): readonly unknown[] | null;
  /**
   * Pure. Reads a delivery of one event. Null: not an event of this provider. It is typed as a method so that the
   * registry can list definitions with different settings.
   */
  identify: Identifiers<Settings>['identify'];
  /**
   * Meanings by the provider's type of event; other types are ignored. Null: the adapter handles no events yet, so they
   * wait for one that does.
   */
  readonly events: Readonly<Record<string, WebhookMeaning>> | null;
  /** Pure. What an event that means `changed` says. Empty when it names no object that a resource syncs. */
  readonly changesIn?: ReadChanges;
  /**
   * Objects carry a version of their own, which tells of two readings the later one. Otherwise the version of a reading
   * is its time, and one that was made because of an event counts as the latest.
   */
  readonly hasExactVersions?: true;
  /**
   * How far back the provider lists the events that it sends. They are compared with those that arrived, and what never
   * arrived is fetched, so sessions need an `eventFeed`. Left out: the provider has no such list, and a pull finds what
   * events have not told. Only for a provider whose address no venue chooses: what is listed counts as sent by the
   * provider, for every venue that has connected the account.
   */
  readonly feedReachMs?: number;
}

/** One provider's webhooks as configured here. */
export interface WebhookReader {
  readonly encoding: 'json' | 'form';
  isSigned(header: WebhookDelivery['header']): boolean;
  isGenuine(delivery: WebhookDelivery): boolean;
  /** The events of a decoded delivery. Pure. Null: not a delivery of this provider. */
  read(delivery: unknown): readonly DeliveredEvent[] | null;
  /** The headers that are kept with the event. */
  keptHeaders(header: WebhookDelivery['header']): Readonly<Record<string, string>>;
}

export interface WebhookSetup {
  readonly provider: ProviderId;
  /** Left out: the provider expects no answer before it sends events. */
  readonly handshake?: ((request: HandshakeRequest) => HandshakeAnswer | null) | undefined;
  readonly answersWithoutBody: boolean;
  /** Of the address for all accounts. Null while `variable` is not set, because no sender can be verified then. */
  readonly reader: WebhookReader | null;
  /** The environment variable with the secrets of the address for all accounts. Null: there is no such address. */
  readonly variable: string | null;
  /** Null: connections have no address of their own. */
  readonly connectionEndpoint: ConnectionEndpoint | null;
}

/** How deliveries to connections' own addresses are read. */
export interface ConnectionEndpoint {
  readonly kind: ConnectionEndpointKind;
  readonly secretForm: WebhookSignature['secretForm'];
  /** Whether the service registers it, and not the account's owner. */
  readonly registers: boolean;
  /** Nothing is signed with `secret-path`, so that takes no secrets. */
  readerWith(secrets: readonly Secret[]): WebhookReader;
}

const EVENT_ID = /^[\w-]{1,100}$/;

/** An event's id when its shape is plausible. */
export const eventIdOf = (id: unknown): string | null => (typeof id === 'string' && EVENT_ID.test(id) ? id : null);

/** A kept event as it was read when it was received. Throws for text that is neither. */
export const decodeEvent = ({ encoding }: Pick<WebhookDefinition<never>, 'encoding'>, text: string): unknown =>
  encoding === 'form' ? Object.fromEntries(new URLSearchParams(text)) : (JSON.parse(text) as unknown);

/** Longer than any provider's name for a type of event, or id of an account. */
const MAX_NAME = 255;
export const eventTypeSchema = z.string().min(1).max(MAX_NAME);
export const accountIdSchema = z.string().min(1).max(MAX_NAME);

/** Headers that are kept with every event. */
const KEPT_HEADERS = ['content-type', 'user-agent'];
const MAX_HEADER = 255;

/** What an event of this type means; null when nothing is done with it. */
export const meaningOf = ({ events }: Pick<WebhookDefinition<never>, 'events'>, type: string): WebhookMeaning | null =>
  (events !== null && Object.hasOwn(events, type) ? events[type] : null) ?? null;

/** The events of these types mean that objects have changed. */
export const changedBy = (types: readonly string[]): Readonly<Record<string, WebhookMeaning>> =>
  Object.fromEntries(types.map((type) => [type, 'changed']));

/** A reader of events signed with any of these secrets. */
export function readerOf<Settings>(
  definition: WebhookDefinition<Settings>,
  settings: Settings,
  secrets: readonly Secret[],
): WebhookReader {
  const { signature } = definition;
  return {
    encoding: definition.encoding ?? 'json',
    isSigned: (header) => signature?.isSigned(header) ?? true,
    // Every secret is tried, so that the duration does not reveal which one was right.
    isGenuine: (delivery) => !signature || secrets.map((secret) => signature.verify(delivery, secret)).includes(true),
    read: (delivery) => readDelivery(definition, settings, delivery),
    keptHeaders: (header) =>
      Object.fromEntries(
        [...KEPT_HEADERS, ...(definition.keptHeaders ?? [])].flatMap((name) => {
          const value = header(name);
          return value === undefined ? [] : [[name, value.slice(0, MAX_HEADER)]];
        }),
      ),
  };
}

function readDelivery<Settings>(
  definition: WebhookDefinition<Settings>,
  settings: Settings,
  delivery: unknown,
): readonly DeliveredEvent[] | null {
  if (!definition.split) {
    const event = definition.identify(delivery, settings);
    return event && [{ ...event, body: null }];
  }
  const parts = definition.split(delivery);
  return (
    parts?.flatMap((part) => {
      const event = definition.identify(part, settings);
      return event ? [{ ...event, body: Buffer.from(JSON.stringify(part)) }] : [];
    }) ?? null
  );
}
