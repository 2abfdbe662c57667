import type { Environment, ProviderId } from '../../contracts/providers.ts';
import type { Secret } from '../../vault/secret.ts';

/** A request as received. */
export interface WebhookDelivery {
  /** The body's raw bytes, which the signature covers. */
  readonly body: Uint8Array;
  /** Looks a header up by its lower-case name. Undefined: not sent. */
  readonly header: (name: string) => string | undefined;
  /** The address that is registered with the provider. */
  readonly url: string;
}

/** What an event means for this service. */
export type WebhookEffect =
  /** The account's owner has revoked our app's access, or a token of it. */
  | { readonly kind: 'revoked'; readonly environment: Environment; readonly externalAccountId: string }
  /** An event of a type that has no effect. */
  | { readonly kind: 'ignored' };

export interface WebhookEvent {
  /** The provider's own id, the same for every delivery of the event. Null when it has none of a plausible shape. */
  readonly id: string | null;
  /** The provider's name for the type of event. */
  readonly type: string;
  readonly effect: WebhookEffect;
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

interface EventReaders<Settings> {
  read(event: unknown, settings: Settings): WebhookEffect | null;
}
/**
 * The effect of an event of one type; null when the event lacks what its type promises. It is typed as a method so that
 * the registry can list definitions with different settings.
 */
export type EventReader<Settings> = EventReaders<Settings>['read'];

/**
 * How a provider's webhooks are verified and read. The kit does the rest: rolling secrets, limits, repeats, and the
 * effects of an event.
 */
export interface WebhookDefinition<Settings> {
  /** `app`: one address for all accounts, which the events name. `connection`: one address per connection. */
  readonly endpoint: 'app' | 'connection';
  /** The setting with the list of secrets. Any of them may have signed, so that one can replace another. */
  readonly secrets: string;
  /** Answers requests that are not events, before anything else is checked. Null: it is an event. */
  handshake?(request: HandshakeRequest): HandshakeAnswer | null;
  /** Whether the headers alone rule out the provider as the sender; checked before the body is read. */
  isSigned(header: WebhookDelivery['header']): boolean;
  /** Whether this secret signed exactly these bytes. Takes constant time. */
  verify(delivery: WebhookDelivery, secret: Secret): boolean;
  /** Pure. Null: not an event of this provider. */
  identify(event: unknown): { readonly id: string | null; readonly type: string } | null;
  /** Effects by the provider's type of event; other types are ignored. */
  readonly events: Readonly<Record<string, EventReader<Settings>>>;
}

/** One provider's webhooks as configured here. */
export interface WebhookReader {
  isSigned(header: WebhookDelivery['header']): boolean;
  isGenuine(delivery: WebhookDelivery): boolean;
  /** Pure. Null: not an event of this provider, or one that lacks what its type promises. */
  read(event: unknown): WebhookEvent | null;
}

export interface WebhookSetup {
  readonly provider: ProviderId;
  readonly handshake: (request: HandshakeRequest) => HandshakeAnswer | null;
  /** Null while `variable` is not set, because no sender can be verified then. */
  readonly reader: WebhookReader | null;
  /** The environment variable with the secrets. */
  readonly variable: string;
}

const EVENT_ID = /^[\w-]{1,100}$/;

/** An event's id when its shape is plausible. */
export const eventIdOf = (id: unknown): string | null => (typeof id === 'string' && EVENT_ID.test(id) ? id : null);

/** A reader of events signed with any of these secrets. */
export function readerOf<Settings>(
  definition: WebhookDefinition<Settings>,
  settings: Settings,
  secrets: readonly Secret[],
): WebhookReader {
  return {
    isSigned: (header) => definition.isSigned(header),
    // Every secret is tried, so that the duration does not reveal which one was right.
    isGenuine: (delivery) => secrets.map((secret) => definition.verify(delivery, secret)).includes(true),
    read(event) {
      const named = definition.identify(event);
      if (!named) return null;
      const read = Object.hasOwn(definition.events, named.type) ? definition.events[named.type] : undefined;
      const effect = read ? read(event, settings) : ({ kind: 'ignored' } as const);
      return effect && { ...named, effect };
    },
  };
}
