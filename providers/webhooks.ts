import type { Environment, ProviderId } from '../contracts/providers.ts';

/** A request as it came in. */
export interface WebhookDelivery {
  /** The body's own bytes: what the signature covers. */
  readonly body: Uint8Array;
  /** Undefined: not sent. By its name in lower case. */
  readonly header: (name: string) => string | undefined;
  /** The address that is registered with the provider. */
  readonly url: string;
}

/** An account whose owner has taken our app's access back, or some token of it. */
export interface RevokedAccess {
  readonly environment: Environment;
  readonly externalAccountId: string;
}

export interface WebhookEvent {
  /** The provider's own; the same for every delivery of it. Null where it has none of a sane shape. */
  readonly id: string | null;
  /** The provider's name for what has happened. */
  readonly type: string;
  /** Null: it is about something else. */
  readonly revoked: RevokedAccess | null;
}

const EVENT_ID = /^[\w-]{1,100}$/;

/** An event's id where it is of a sane shape. */
export const eventIdOf = (id: unknown): string | null => (typeof id === 'string' && EVENT_ID.test(id) ? id : null);

/** One provider's webhooks, translated. Nothing of an event but what stands here leaves this room. */
export interface WebhookReader {
  /** Whether the headers alone rule out that the provider has sent it: asked before anything of the body is read. */
  isSigned(header: WebhookDelivery['header']): boolean;
  /** Whether the provider has signed exactly this. Takes as long for a signature that is nearly right as for any other. */
  isGenuine(delivery: WebhookDelivery): boolean;
  /** Pure. Null: not an event of this provider, or one that lacks what its type promises. */
  read(event: unknown): WebhookEvent | null;
}

/** A provider that sends webhooks, as it is set up here. */
export interface WebhookSetup {
  readonly provider: ProviderId;
  /** Null while `variable` is not set: nobody can tell then who has sent something. */
  readonly reader: WebhookReader | null;
  /** What holds the secret. */
  readonly variable: string;
}
