const connectionErrors = new WeakSet<Error>();

/** Marks the error of a database connection, because socket errors of all sources look the same. Returns it. */
export function markConnectionError(error: unknown): unknown {
  if (error instanceof Error) connectionErrors.add(error);
  return error;
}

export const isConnectionError = (error: Error): boolean => connectionErrors.has(error);
