declare const brand: unique symbol;
type Id<Name extends string> = string & { readonly [brand]: Name };

/** Branded so that a connection id can never be passed as a venue id. All are UUIDv7. */
export type VenueId = Id<'VenueId'>;
export type ConnectionId = Id<'ConnectionId'>;
export type SyncId = Id<'SyncId'>;
export type RecordId = Id<'RecordId'>;
export type JobId = Id<'JobId'>;
export type ReconciliationId = Id<'ReconciliationId'>;
export type DiscrepancyId = Id<'DiscrepancyId'>;
/** Of an event that a provider has sent. */
export type WebhookEventId = Id<'WebhookEventId'>;

export type ConflictId = Id<'ConflictId'>;
export type DeadLetterId = Id<'DeadLetterId'>;
/** Of a venue's subscription to our own events. */
export type SubscriptionId = Id<'SubscriptionId'>;
/** Of a message to subscribers: the same for each of them and for every attempt. */
export type MessageId = Id<'MessageId'>;
/** Of a report that was read for a caller. */
export type ReportAnswerId = Id<'ReportAnswerId'>;

/** Scopes every query, workflow and seal of a connection. */
export interface ConnectionRef {
  readonly venueId: VenueId;
  readonly connectionId: ConnectionId;
}

/** Scopes the deliveries and the signing secrets of a subscription. */
export interface SubscriptionRef {
  readonly venueId: VenueId;
  readonly subscriptionId: SubscriptionId;
}
