/** Most unknown fields that are kept of a connection and resource. */
export const MAX_UNKNOWN_FIELDS = 100;
export const MAX_FIELD_PATH_LENGTH = 200;

/** Stands for a name that is not shown. */
const HIDDEN = '_';
/** Words that custom fields are called by. A name of other characters, such as a mail address, may be personal data. */
const FIELD_NAME = /^[A-Za-z_][\w .:#/()-]*$/;

/**
 * The path of a field: its names joined by dots, in characters of identifiers. People at the provider choose the names of
 * custom fields: other separators become `_`, and a name that does not look like one of a field is hidden.
 */
export function fieldPath(names: readonly string[]): string {
  const path = names.map(shownName).join('.');
  return path.slice(0, MAX_FIELD_PATH_LENGTH).replace(/\.$/, '');
}

function shownName(name: string): string {
  // Cut first: a name may be megabytes long.
  const text = name.slice(0, MAX_FIELD_PATH_LENGTH).trim();
  return FIELD_NAME.test(text) ? text.replaceAll(/\W/g, '_') : HIDDEN;
}
