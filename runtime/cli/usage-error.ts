/** Invalid arguments. The message is one line. */
export class UsageError extends Error {}
