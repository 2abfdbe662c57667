/** Something the user can understand and act on: printed as one line, without a stack. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
