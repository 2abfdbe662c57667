import type { ProviderId } from '../../contracts/providers.ts';
import type { UnknownField, UnknownFieldKind } from '../../contracts/unknown-fields.ts';
import { MAX_UNKNOWN_FIELDS, fieldPath } from '../../domain/reach/unknown-fields.ts';
import { metadataKeysOf } from '../../domain/sync/push/metadata-keys.ts';
import type { ProviderPage, ProviderRecord } from '../../providers/provider.ts';

/** Most names that are remembered, so that a provider whose every object has other ones fills no memory. */
const MAX_NAMES = 1_000;

type ReadPage = Pick<ProviderPage, 'records' | 'rejections' | 'newFields'>;

/**
 * Finds the unknown fields of pages, each once. Custom fields are the keys of `metadata`, but for the facts of ours and of
 * the provider's that adapters put there under keys with a prefix, and what records tell as `customFields`. Unknown values
 * and changed types are what rejections tell, new fields what pages tell.
 */
export class UnknownFields {
  readonly #ownPrefixes: readonly string[];
  /** Keys of metadata that were met. Nearly every record has the same ones. */
  readonly #metadataKeys = new Set<string>();
  readonly #names = new Set<string>();
  readonly #paths = new Set<string>();

  constructor(provider: ProviderId) {
    this.#ownPrefixes = ['interlock_', `${provider}_`];
  }

  /** Those that no earlier page had. */
  newIn(pages: readonly ReadPage[]): readonly UnknownField[] {
    const customFields = pages.flatMap(({ records }) => records).flatMap((record) => this.#customFieldsOf(record));
    const rejections = pages.flatMap(({ rejections = [] }) => rejections);
    return [
      ...this.#newOf('custom-field', customFields),
      ...this.#newOf(
        'value',
        rejections.flatMap(({ unknownValues = [] }) => unknownValues),
      ),
      ...this.#newOf(
        'type',
        rejections.flatMap(({ changedTypes = [] }) => changedTypes),
      ),
      ...this.#newOf(
        'field',
        pages.flatMap(({ newFields = [] }) => newFields),
      ),
    ];
  }

  #customFieldsOf({ fields, customFields = [] }: ProviderRecord): readonly (readonly string[])[] {
    const keys = metadataKeysOf(fields).filter((key) => !this.#metadataKeys.has(key) && !this.#isOwn(key));
    if (this.#metadataKeys.size < MAX_NAMES) for (const key of keys) this.#metadataKeys.add(key);
    return keys.length === 0 ? customFields : [...keys.map((key) => ['metadata', key]), ...customFields];
  }

  #newOf(kind: UnknownFieldKind, all: readonly (readonly string[])[]): readonly UnknownField[] {
    return all.flatMap((names) => {
      const path = this.#newPath(names);
      return path === null ? [] : [{ path, kind }];
    });
  }

  #isOwn(key: string): boolean {
    return this.#ownPrefixes.some((prefix) => key.startsWith(prefix));
  }

  /** Null for one that is known already, or too many. */
  #newPath(names: readonly string[]): string | null {
    const joined = names.join('.');
    if (this.#names.has(joined) || this.#names.size >= MAX_NAMES || this.#paths.size >= MAX_UNKNOWN_FIELDS) return null;
    this.#names.add(joined);
    const path = fieldPath(names);
    if (this.#paths.has(path)) return null;
    this.#paths.add(path);
    return path;
  }
}
