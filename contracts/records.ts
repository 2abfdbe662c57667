import type { ConnectionId, RecordId, VenueId } from './ids.ts';

export interface Address {
  readonly line1: string | null;
  readonly line2: string | null;
  readonly city: string | null;
  readonly region: string | null;
  readonly postalCode: string | null;
  /** As the venue wrote it: an ISO 3166-1 alpha-2 code or a country's name. */
  readonly country: string | null;
}

/** The canonical customer without its envelope: what mappings read and write. */
export interface CustomerFields {
  readonly name: string | null;
  readonly email: string | null;
  readonly phone: string | null;
  readonly address: Address | null;
  readonly marketingConsent: boolean | null;
  readonly metadata: Readonly<Record<string, string>>;
}

/** What every canonical record carries besides its fields. */
export interface RecordEnvelope {
  readonly id: RecordId;
  readonly venueId: VenueId;
  /** The venue's own key, 1–255 characters, unique per venue and resource. */
  readonly sourceId: string;
  /** Grows by one with every change of a field. */
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly deletedAt: Date | null;
}

/** How a record stands with one connection. `pending`: a write's outcome is not known yet. `gone`: deleted at the provider. */
export const LINK_STATES = ['pending', 'linked', 'rejected', 'gone'] as const;
export type LinkState = (typeof LINK_STATES)[number];

export interface RecordLink {
  readonly connectionId: ConnectionId;
  readonly externalId: string | null;
  readonly syncedAt: Date | null;
  readonly state: LinkState;
}

export type CustomerRecord = RecordEnvelope & CustomerFields & { readonly links: readonly RecordLink[] };
