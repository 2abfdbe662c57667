/** An error that the user can understand and act on. Printed as one line without a stack. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
