const MAX_CAUSES = 8;

/**
 * An error and its causes, outermost first. At most eight, because causes can form a cycle. Libraries wrap errors: the
 * system's or database's error may be the error itself, a cause, or the first error of an AggregateError.
 */
export function causesOf(error: unknown): readonly Error[] {
  const causes: Error[] = [];
  let current: unknown = error;
  while (causes.length < MAX_CAUSES && current instanceof Error) {
    causes.push(current);
    current = current.cause ?? (current instanceof AggregateError ? current.errors[0] : undefined);
  }
  return causes;
}

/** The codes of an error and its causes, outermost first. */
export const codesOf = (error: unknown): readonly string[] =>
  causesOf(error).flatMap((cause) => ('code' in cause && typeof cause.code === 'string' ? [cause.code] : []));
