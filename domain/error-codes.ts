const MAX_CAUSES = 8;

/**
 * The codes of an error and its causes, outermost first. Libraries wrap: what the system or the database said stands in the error itself, in
 * a cause, or in the first error of an AggregateError.
 */
export function codesOf(error: unknown): readonly string[] {
  const codes: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth < MAX_CAUSES && current instanceof Error; depth += 1) {
    if ('code' in current && typeof current.code === 'string') codes.push(current.code);
    current = current.cause ?? (current instanceof AggregateError ? current.errors[0] : undefined);
  }
  return codes;
}
