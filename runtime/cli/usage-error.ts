/** The arguments cannot be used. The message is one line. */
export class UsageError extends Error {}
