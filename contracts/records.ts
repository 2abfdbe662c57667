import type { ConnectionId, RecordId, VenueId } from './ids.ts';
import type { Resource } from './providers.ts';

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

/** The canonical product. */
export interface ProductFields {
  readonly name: string;
  readonly description: string | null;
  readonly sku: string | null;
  /** The price in minor units of `currency` (ISO 4217); both are null for a product without a price. */
  readonly amountMinor: number | null;
  readonly currency: string | null;
  readonly active: boolean;
  readonly taxable: boolean | null;
  readonly images: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** How much of a product there is in one place. */
export interface InventoryFields {
  readonly productSourceId: string;
  readonly location: string;
  /** A decimal: some shops sell by weight. */
  readonly quantity: string;
  /** ISO 8601 UTC. */
  readonly countedAt: string;
  readonly metadata: Readonly<Record<string, string>>;
}

export const TRANSACTION_KINDS = ['payment', 'refund', 'adjustment', 'dispute'] as const;
export type TransactionKind = (typeof TRANSACTION_KINDS)[number];

/** `pending`: the money may still come or go; `succeeded`: it has; `failed`, `cancelled`: it never will; `lost`, `won`: a dispute's end. */
export const TRANSACTION_STATUSES = ['pending', 'succeeded', 'failed', 'cancelled', 'won', 'lost'] as const;
export type TransactionStatus = (typeof TRANSACTION_STATUSES)[number];

/** What was sold, where the provider tells. */
export interface TransactionLine {
  readonly description: string | null;
  readonly quantity: string | null;
  readonly amountMinor: number;
  readonly productSourceId: string | null;
}

/** A movement of money, seen from the venue: a payment is positive; a refund, and a dispute that takes money, are negative. */
export interface TransactionFields {
  readonly kind: TransactionKind;
  /** ISO 8601 UTC. When the money moved; before that, when the transaction began. */
  readonly occurredAt: string;
  /** Minor units of `currency` (ISO 4217). */
  readonly amountMinor: number;
  readonly currency: string;
  /** What the provider kept, in minor units of `currency`; negative when it gave a fee back; null while it is not known. */
  readonly feeMinor: number | null;
  readonly status: TransactionStatus;
  /** Whether the money is in the books of the provider's balance, at `occurredAt`; sums count what is. Null, as for what a venue writes itself: its status tells. */
  readonly posted: boolean | null;
  readonly customerSourceId: string | null;
  /** Our id of the payment that a refund, dispute or adjustment belongs to. */
  readonly relatedTransactionId: RecordId | null;
  readonly lines: readonly TransactionLine[];
  readonly metadata: Readonly<Record<string, string>>;
}

export const INVOICE_STATUSES = ['draft', 'open', 'paid', 'void', 'uncollectible'] as const;
export type InvoiceStatus = (typeof INVOICE_STATUSES)[number];

export interface InvoiceLine {
  readonly description: string | null;
  /** A decimal. */
  readonly quantity: string | null;
  /** A decimal in the currency's main unit, such as `12.5`: prices have up to twelve decimals at some providers. */
  readonly unitAmount: string | null;
  /** Minor units of the invoice's currency. */
  readonly amountMinor: number;
  readonly taxMinor: number | null;
  readonly productSourceId: string | null;
}

/** What a customer is asked to pay. Amounts are in minor units of `currency` (ISO 4217). */
export interface InvoiceFields {
  readonly number: string | null;
  readonly status: InvoiceStatus;
  /** ISO 8601 UTC; null for a draft. */
  readonly issuedAt: string | null;
  readonly dueAt: string | null;
  readonly customerSourceId: string | null;
  readonly currency: string;
  /** After discounts, before tax that is added. */
  readonly subtotalMinor: number | null;
  readonly taxMinor: number | null;
  readonly totalMinor: number;
  /** What is still to be paid; null while it is not known. */
  readonly amountDueMinor: number | null;
  readonly lines: readonly InvoiceLine[];
  readonly metadata: Readonly<Record<string, string>>;
}

export interface FieldsOf {
  readonly products: ProductFields;
  readonly customers: CustomerFields;
  readonly inventory: InventoryFields;
  readonly transactions: TransactionFields;
  readonly invoices: InvoiceFields;
}
export type RecordFields = FieldsOf[Resource];

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

/**
 * How a record stands with one connection. `pending`: a write's outcome is not known yet. `gone`: deleted at the provider.
 * `archived`: deleted by the venue, and its remote record taken out of use by us.
 */
export const LINK_STATES = ['pending', 'linked', 'rejected', 'gone', 'archived'] as const;
export type LinkState = (typeof LINK_STATES)[number];

/** Something of a record that a write could not carry to the provider, or left standing there. Never a value of the record. */
export interface RecordNote {
  /** Kebab-case, listed in docs/errors.md. */
  readonly code: string;
  readonly message: string;
}

export interface RecordLink {
  readonly connectionId: ConnectionId;
  readonly externalId: string | null;
  readonly syncedAt: Date | null;
  readonly state: LinkState;
  /** Of the last write. */
  readonly notes: readonly RecordNote[];
}

/** A record as the API shows it. */
export type VenueRecord<Fields extends RecordFields = RecordFields> = RecordEnvelope & {
  readonly fields: Fields;
  readonly links: readonly RecordLink[];
};

export type CustomerRecord = RecordEnvelope & CustomerFields & { readonly links: readonly RecordLink[] };
