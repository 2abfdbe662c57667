import type { Environment, ProviderId } from '../../contracts/providers.ts';
import type { Secret } from '../../vault/secret.ts';

/** A request as it came in. */
export interface WebhookDelivery {
  /** The body's own bytes: what the signature covers. */
  readonly body: Uint8Array;
  /** Undefined: not sent. By its name in lower case. */
  readonly header: (name: string) => string | undefined;
  /** The address that is registered with the provider. */
  readonly url: string;
}

/** What an event means here. */
export type WebhookEffect =
  /** The account's owner has taken our app's access back, or some token of it. */
  | { readonly kind: 'revoked'; readonly environment: Environment; readonly externalAccountId: string }
  /** An event of a type that nothing is done with. */
  | { readonly kind: 'ignored' };

export interface WebhookEvent {
  /** The provider's own; the same for every delivery of it. Null where it has none of a sane shape. */
  readonly id: string | null;
  /** The provider's name for what has happened. */
  readonly type: string;
  readonly effect: WebhookEffect;
}

/** An answer that a provider expects before it sends events, or in the place of one. */
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
/** What an event of one type means here; null for one that lacks what its type promises. As a method's type, so that the registry can list definitions of unlike settings. */
export type EventReader<Settings> = EventReaders<Settings>['read'];

/** How a provider's webhooks are checked and read. The kit does the rest: secrets that roll, limits, repeats, and what follows an event. */
export interface WebhookDefinition<Settings> {
  /** `app`: one address for all accounts, which the events name. `connection`: an address for each connection. */
  readonly endpoint: 'app' | 'connection';
  /** The setting that holds the secrets: a list, of which any may have signed, so that one can be replaced by another. */
  readonly secrets: string;
  /** Answers what is no event: asked before anything else. Null: it is an event. */
  handshake?(request: HandshakeRequest): HandshakeAnswer | null;
  /** Whether the headers alone rule out that the provider has sent it: asked before anything of the body is read. */
  isSigned(header: WebhookDelivery['header']): boolean;
  /** Whether this secret has signed exactly this. Takes as long for a signature that is nearly right as for any other. */
  verify(delivery: WebhookDelivery, secret: Secret): boolean;
  /** Pure. Null: not an event of this provider. */
  identify(event: unknown): { readonly id: string | null; readonly type: string } | null;
  /** By the provider's type of event; what is not named here is ignored. */
  readonly events: Readonly<Record<string, EventReader<Settings>>>;
}

/** One provider's webhooks as they are set up here. */
export interface WebhookReader {
  isSigned(header: WebhookDelivery['header']): boolean;
  isGenuine(delivery: WebhookDelivery): boolean;
  /** Pure. Null: not an event of this provider, or one that lacks what its type promises. */
  read(event: unknown): WebhookEvent | null;
}

export interface WebhookSetup {
  readonly provider: ProviderId;
  readonly handshake: (request: HandshakeRequest) => HandshakeAnswer | null;
  /** Null while `variable` is not set: nobody can tell then who has sent something. */
  readonly reader: WebhookReader | null;
  /** The environment variable that holds the secrets. */
  readonly variable: string;
}

const EVENT_ID = /^[\w-]{1,100}$/;

/** An event's id where it is of a sane shape. */
export const eventIdOf = (id: unknown): string | null => (typeof id === 'string' && EVENT_ID.test(id) ? id : null);

/** A reader of events that any of these secrets has signed. */
export function readerOf<Settings>(
  definition: WebhookDefinition<Settings>,
  settings: Settings,
  secrets: readonly Secret[],
): WebhookReader {
  return {
    isSigned: (header) => definition.isSigned(header),
    // Every secret is tried: how long it takes does not tell which of them was right.
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
