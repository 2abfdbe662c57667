/**
 * `custom-field`: a field that people at the provider have defined. `value`: a field whose value is none that the adapter
 * knows. `type`: one whose value is of another type than documented. `field`: one that the provider does not document.
 */
export const UNKNOWN_FIELD_KINDS = ['custom-field', 'value', 'type', 'field'] as const;
export type UnknownFieldKind = (typeof UNKNOWN_FIELD_KINDS)[number];

/** A field of a provider's objects that the adapter has no meaning for. */
export interface UnknownField {
  /** The names that lead to it, joined by dots; never a value. */
  readonly path: string;
  readonly kind: UnknownFieldKind;
}

/** What has become of a custom field: a pull has met it for the first time, a full one no longer, or one again. */
export const CUSTOM_FIELD_CHANGES = ['added', 'vanished', 'returned'] as const;
export type CustomFieldChange = (typeof CUSTOM_FIELD_CHANGES)[number];
