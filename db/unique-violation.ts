/** Whether a statement was refused because another row has what has to be unique (https://www.postgresql.org/docs/18/errcodes-appendix.html, read 2026-11-21). */
export const isUniqueViolation = (error: unknown): boolean => error instanceof Error && (error.cause as { readonly code?: unknown } | undefined)?.code === '23505';
