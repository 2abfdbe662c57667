import type { SubscriptionRef } from './ids.ts';

// Workflow histories store every name and shape in this file: add fields, never rename or reuse one.

/** Types of the service's own events that a venue subscribes to. Receivers depend on the names: never rename one. */
export const OUTGOING_EVENT_TYPES = [
  'sync.finished',
  'sync.failed',
  'sync.paused',
  'sync.stale',
  'backfill.done',
  'record.changed',
  'connection.created',
  'connection.failing',
  'connection.needs-reauth',
  'connection.disconnected',
  'dead-letter.added',
  'discrepancy.found',
  'unknown-field.found',
  'custom-field.changed',
] as const;
export type OutgoingEventType = (typeof OUTGOING_EVENT_TYPES)[number];

/** The type of a sample, which is sent on request only. */
export const SAMPLE_TYPE = 'webhook.test';

/** Who has paused a sync: a person, a limit or outage of the provider, or the guard that waits for an approval. */
export const PAUSED_BY = ['operator', 'throttle', 'guard'] as const;

/**
 * Why a scheduled sync is stale: its account's owner has to approve again, its run waits for an approval or for a limit
 * or outage, its runs fail, or none has been at work.
 */
export const STALE_REASONS = ['needs-reauth', 'awaiting-approval', 'waiting', 'failing', 'not-running'] as const;
export type StaleReason = (typeof STALE_REASONS)[number];

export const SUBSCRIPTION_STATES = ['enabled', 'disabled'] as const;
export type SubscriptionState = (typeof SUBSCRIPTION_STATES)[number];

/**
 * Why a subscription is disabled: a person has done it, the receiver has answered 410, or it has accepted nothing for as
 * long as deliveries are repeated.
 */
export const DISABLED_REASONS = ['requested', 'gone', 'failing'] as const;
export type DisabledReason = (typeof DISABLED_REASONS)[number];

export const DELIVERY_STATES = ['pending', 'delivered', 'failed'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** Why an attempt at a delivery has failed. */
export const DELIVERY_ERRORS = [
  /** The receiver answered with another status than 2xx. */
  'status',
  'redirected',
  'timeout',
  'unreachable',
  'connection-failed',
  'address-not-allowed',
  /** The subscription was disabled before the message was accepted. */
  'subscription-disabled',
  /** The signing secret cannot be opened. */
  'secret-unreadable',
] as const;
export type DeliveryError = (typeof DELIVERY_ERRORS)[number];

// --- Delivering ---

export const DELIVER_WEBHOOKS = 'deliverWebhooks';
export const deliverWebhooksWorkflowId = ({ subscriptionId }: SubscriptionRef): string => `deliver/${subscriptionId}`;

/** Signal: the subscription has messages that are due. */
export const WAKE_DELIVERY_SIGNAL = 'wakeDelivery';

export interface DeliverWebhooksInput extends SubscriptionRef {
  /** Set by continue-as-new: attempts that the workflow has made so far. */
  readonly attempts?: number;
}

export interface DeliverWebhooksResult {
  readonly attempts: number;
}

export interface DeliveryChunk {
  /** Attempts that the activity has made. */
  readonly attempts: number;
  /** The activity stopped at its time limit while messages were due. */
  readonly more: boolean;
  /** When the next message is due; null when none waits for another attempt. */
  readonly dueInMs: number | null;
}

/** The `outgoing-webhooks` queue. */
export interface DeliveryActivities {
  /** Sends the subscription's messages that are due, until none is, or for a few minutes at most. */
  readonly deliverDue: (input: SubscriptionRef) => Promise<DeliveryChunk>;
  /** Sends a sample once. Never throws for what the receiver does. */
  readonly sendSample: (input: SubscriptionRef) => Promise<SampleResult>;
}

// --- A sample, on request ---

export const TEST_SUBSCRIPTION = 'testSubscription';
export const testSubscriptionWorkflowId = ({ subscriptionId }: SubscriptionRef): string =>
  `test-subscription/${subscriptionId}`;

export interface SampleResult {
  readonly messageId: string;
  readonly delivered: boolean;
  /** The receiver's status; null when it has not answered. */
  readonly status: number | null;
  readonly error: DeliveryError | null;
  readonly durationMs: number;
}
