const connectionErrors = new WeakSet<Error>();

/** Marks the error of one of our own connections to the database, which looks like that of any socket. Returns it. */
export function markConnectionError(error: unknown): unknown {
  if (error instanceof Error) connectionErrors.add(error);
  return error;
}

export const isConnectionError = (error: Error): boolean => connectionErrors.has(error);
