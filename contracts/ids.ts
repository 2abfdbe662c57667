declare const brand: unique symbol;
type Id<Name extends string> = string & { readonly [brand]: Name };

/** Branded so that a connection id can never be passed where a venue id is wanted. All are UUIDv7. */
export type VenueId = Id<'VenueId'>;
export type ConnectionId = Id<'ConnectionId'>;
export type SyncId = Id<'SyncId'>;
export type RecordId = Id<'RecordId'>;
export type JobId = Id<'JobId'>;

/** The pair every query, workflow and seal of a connection is scoped by. */
export interface ConnectionRef {
  readonly venueId: VenueId;
  readonly connectionId: ConnectionId;
}
