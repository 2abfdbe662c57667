import type { RecordKind } from '../../records/record-kind.ts';
import { findPath } from './field-path.ts';
import type { KnownPath } from './field-path.ts';
import { SOURCE_ID } from './mapping.ts';

/** Null when the venue's records have no such field. */
export function sourcePath(kind: RecordKind, text: string): KnownPath | null {
  if (text !== SOURCE_ID) return findPath(kind, text);
  return {
    field: SOURCE_ID,
    key: null,
    value: { type: 'source-id', of: kind.name },
    presence: 'required',
    fallback: null,
    parts: null,
  };
}

export const isReadOnlySource = ({ field }: Pick<KnownPath, 'field'>): boolean => field === SOURCE_ID;

/** The names that an expression may read. */
export const isSourceName = (kind: RecordKind, name: string): boolean =>
  name === SOURCE_ID || Object.hasOwn(kind.fields, name);
