import { isLongerThan } from '../../../domain/reference/characters.ts';
import type { MappedRecord, ResourceMapping, UpdateOptions } from '../../provider.ts';
import { RECORD_ID_KEY, SOURCE_ID_KEY } from '../customers/names.ts';

type Metadata = Readonly<Record<string, string>>;
type Problems = MappedRecord['problems'];

// https://docs.stripe.com/api/metadata, read 2026-11-21.
const LIMITS = { keys: 50, key: 40, value: 500 } as const;

/** How one resource stores fields that Stripe lacks beside the venue's own metadata. */
export interface MetadataCodec {
  /** `values` are our values by key; null omits one. */
  readonly write: (
    record: { readonly id: string; readonly sourceId: string; readonly metadata: Metadata },
    values: Readonly<Record<string, string | null>>,
  ) => Metadata;
  /** The venue's own entries. */
  readonly read: (metadata: Metadata) => Metadata;
  /** What Stripe would refuse in `written`, the result of `write`. */
  readonly problems: (given: Metadata, written: Metadata) => Problems;
  /**
   * What an update sends so that the object has `wanted`, the result of `write`: Stripe leaves as they are the keys that it
   * is not sent, and removes one that is sent empty (https://docs.stripe.com/api/metadata, read 2026-11-29). With `held`
   * only keys that differ from it are sent, so that what others change of the same object meanwhile stays. Our two ids are
   * always sent: an object that was pulled first has none yet.
   */
  readonly changes: (wanted: Metadata, change: MetadataChange) => Metadata;
}

export interface MetadataChange extends Pick<UpdateOptions, 'clearedMetadataKeys'>, Pick<MappedRecord, 'excluded'> {
  /** As `write` would have it of what the object holds; null where nobody knows that. */
  readonly held: Metadata | null;
}

/**
 * `extras` are this resource's keys besides the two ids, each with its field. A venue's entry under one of our keys is
 * dropped.
 */
export function metadataCodec(extras: Readonly<Record<string, string>>): MetadataCodec {
  const ids = new Set([RECORD_ID_KEY, SOURCE_ID_KEY]);
  const ours = new Set([...ids, ...Object.keys(extras)]);

  /** Of the venue's entries what Stripe would store: it stores no empty value. */
  const isKept = (key: string, value: string | undefined) => value !== '' && !ours.has(key);

  /** Most metadata has nothing to drop: then it is the same object, because this runs for every record that is read. */
  const kept = (metadata: Metadata): Metadata =>
    Object.keys(metadata).every((key) => isKept(key, metadata[key]))
      ? metadata
      : Object.fromEntries(Object.entries(metadata).filter(([key, value]) => isKept(key, value)));

  return {
    write: ({ id, sourceId, metadata }, values) => {
      const own: Record<string, string> = {};
      for (const [key, value] of Object.entries(values)) if (value !== null) own[key] = value;
      return { ...kept(metadata), ...own, [RECORD_ID_KEY]: id, [SOURCE_ID_KEY]: sourceId };
    },
    read: (metadata) =>
      Object.keys(metadata).some((key) => ours.has(key))
        ? Object.fromEntries(Object.entries(metadata).filter(([key]) => !ours.has(key)))
        : metadata,
    problems: (given, written) => {
      const problems: Problems[number][] = [];
      for (const [index, key] of Object.keys(given).entries()) {
        const value = given[key];
        const message = value !== undefined && isKept(key, value) ? entryProblem(key, value) : null;
        if (message !== null) problems.push({ path: `metadata.${index}`, message });
      }
      if (Object.keys(written).length > LIMITS.keys)
        problems.push({
          path: 'metadata',
          message: `Stripe allows ${LIMITS.keys} metadata keys, ${ours.size} of which are ours.`,
        });
      return problems;
    },
    changes: (wanted, { held, clearedMetadataKeys, excluded = [] }) => {
      const left = Object.keys(extras).filter((key) => !excluded.includes(extras[key] ?? ''));
      const known = excluded.includes('metadata') ? [] : Object.keys(held ?? {}).filter((key) => !ours.has(key));
      const cleared = [...left, ...known, ...clearedMetadataKeys].map((key) => [key, ''] as const);
      const whole: Metadata = { ...Object.fromEntries(cleared), ...wanted };
      if (held === null) return whole;
      return Object.fromEntries(
        Object.entries(whole).filter(([key, value]) => ids.has(key) || value !== (held[key] ?? '')),
      );
    },
  };
}

/** What an update of a record knows of the object's metadata. */
export function changeOf(
  mapping: Pick<ResourceMapping, 'toPayload'>,
  { excluded }: MappedRecord,
  { clearedMetadataKeys, readFields }: UpdateOptions,
): MetadataChange {
  const held = readFields && mapping.toPayload({ id: '', sourceId: '', fields: readFields }).payload['metadata'];
  return { held: (held as Metadata | undefined) ?? null, clearedMetadataKeys, ...(excluded && { excluded }) };
}

/** The key's problem comes first. */
function entryProblem(key: string, value: string): string | null {
  if (isLongerThan(key, LIMITS.key)) return `Stripe allows at most ${LIMITS.key} characters in a metadata key.`;
  if (/[[\]]/.test(key)) return 'Stripe allows no square brackets in a metadata key.';
  return isLongerThan(value, LIMITS.value)
    ? `Stripe allows at most ${LIMITS.value} characters in a metadata value.`
    : null;
}
