import type { z } from 'zod';
import { parseAnswer } from '../../../providers/grants.ts';
import { ProviderError } from '../../../providers/provider-error.ts';
import type { SessionOptions } from '../../../providers/provider.ts';
import { createTransport } from '../../../providers/http/transport.ts';
import type { Answer } from '../../../providers/http/transport.ts';
import type { CornerDeskSettings } from './settings.ts';

/** One call: the parsed answer, or null where there is no such object. */
export type Ask = <Schema extends z.ZodType>(
  schema: Schema,
  path: string,
  init?: RequestInit,
) => Promise<z.output<Schema> | null>;

/** Entered credentials name the desk that they are for; a token is one of the hosted desk's. */
export function createAsk(
  { hostedUrl }: CornerDeskSettings,
  { secretKey, fields, call, signal = new AbortController().signal }: SessionOptions,
  fetchGuarded: typeof fetch,
): Ask {
  const transport = createTransport({
    provider: 'corner-desk',
    calls: { call, signal },
    ...(fields && { fetch: fetchGuarded }),
  });
  const base = fields ? String(fields['baseUrl']) : String(hostedUrl);
  const authorization = fields
    ? `Basic ${Buffer.from(`${String(fields['user'])}:${secretKey.expose()}`).toString('base64')}`
    : `Bearer ${secretKey.expose()}`;
  return async (schema, path, init = {}) => {
    const answer = await transport(`${base}${path}`, {
      ...init,
      headers: { 'content-type': 'application/json', ...(init.headers as Record<string, string>), authorization },
    });
    if (answer.status === 404 && answer.body) return null;
    if (answer.status >= 400) throw refusedCall(answer);
    return parseAnswer('corner-desk', schema, answer.body);
  };
}

function refusedCall({ status, body }: Answer): ProviderError {
  const details = { provider: 'corner-desk', httpStatus: status } as const;
  if (body === null) return new ProviderError({ ...details, kind: 'unexpected-response' });
  return new ProviderError({ ...details, kind: status === 401 ? 'needs-reauth' : 'rejected' });
}
