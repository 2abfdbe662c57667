import { json, Refusal } from '../../oauth/exchange.ts';
import type { Reply } from '../../oauth/exchange.ts';

/** An error of either token endpoint: https://docs.stripe.com/connect/oauth-reference (2026-11). */
export function oauthError(status: number, error: string, description: string): Refusal {
  return new Refusal(json({ error, error_description: description }, { status }));
}

/** The generic error of the OAuth endpoints for a status, in the form of the whole API. */
export function ofStatus(status: number, code?: string): Reply {
  const type = status >= 500 ? 'api_error' : 'invalid_request_error';
  return json(
    {
      error: {
        type,
        message: status >= 500 ? 'An unknown error occurred.' : 'The request was refused.',
        ...(code !== undefined && { code }),
      },
    },
    { status },
  );
}
