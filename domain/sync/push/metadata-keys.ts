type Fields = Readonly<Record<string, unknown>>;

/** The keys of a record's metadata; empty for a kind of record without metadata. */
export const metadataKeysOf = (fields: Fields | null): readonly string[] => Object.keys(metadataOf(fields));

/**
 * The `keys` that an earlier write left at the provider and that the record no longer has. An empty value counts as
 * absent.
 */
export const clearedMetadataKeys = (fields: Fields, keys: readonly string[]): readonly string[] => {
  const metadata = metadataOf(fields);
  return keys.filter((key) => !Object.hasOwn(metadata, key) || metadata[key] === '');
};

function metadataOf(fields: Fields | null): Fields {
  const metadata = fields?.['metadata'];
  return typeof metadata === 'object' && metadata !== null ? (metadata as Fields) : {};
}
