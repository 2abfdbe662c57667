/** What `Retry-After` asks for, in seconds or as a date (RFC 9110, section 10.2.3); undefined when it asks for nothing. */
export function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d{1,6}$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
  return ms > 0 ? ms : undefined;
}
