import type { DisconnectRequest, SealedText } from './connections.ts';
import type { ConnectionId, ConnectionRef } from './ids.ts';
import type { ProviderId } from './providers.ts';

/** How far the registration of a connection's own address with its provider is. */
export const WEBHOOK_REGISTRATIONS = ['pending', 'registered', 'failed'] as const;
export type WebhookRegistration = (typeof WEBHOOK_REGISTRATIONS)[number];

// Workflow histories store every name and shape below: add fields, never rename or reuse one. The address appears in a
// history only sealed.

export const REGISTER_WEBHOOK = 'registerWebhook';
/** One registration for each address: a later address has another digest. */
export const registerWebhookWorkflowId = (connectionId: ConnectionId, pathDigest: string): string =>
  `register-webhook/${connectionId}/${pathDigest.slice(0, 16)}`;

export interface RegisterWebhookInput extends ConnectionRef {
  readonly provider: ProviderId;
  /** Null where the address has been registered before: the provider is asked for it. */
  readonly sealedUrl: SealedText | null;
  /** SHA-256 of the address's secret end in hex, which tells it from a later address. */
  readonly pathDigest: string;
}

/** `superseded`: the connection has another address by now, or none. */
export type RegisterWebhookResult =
  { readonly outcome: 'registered' | 'superseded' } | { readonly outcome: 'failed'; readonly code: string };

/** Runs on the interactive queue. */
export interface WebhookRegistrationActivities {
  /** Registers the address with the provider, and removes the one before. Throws on an outage. */
  readonly registerWebhookAddress: (
    input: RegisterWebhookInput,
  ) => Promise<Exclude<RegisterWebhookResult, { readonly outcome: 'failed' }>>;
  /** Removes a connection's address at the provider. `left`: it could not be removed, and the audit log says why. */
  readonly removeWebhookAddress: (
    input: ConnectionRef & { readonly provider: ProviderId } & Partial<DisconnectRequest>,
  ) => Promise<{ readonly outcome: 'removed' | 'none' | 'left' }>;
}

/** Runs on the `internal` queue. */
export interface WebhookRegistrationNotes {
  /** Shows on the connection's address why the provider did not take it. */
  readonly noteRegistrationFailed: (
    input: Omit<RegisterWebhookInput, 'sealedUrl' | 'provider'> & {
      readonly provider?: ProviderId;
      readonly code: string;
    },
  ) => Promise<void>;
}
