import { json, Refusal } from '../oauth/exchange.ts';
import type { Reply } from '../oauth/exchange.ts';

const TITLES: Partial<Record<number, string>> = {
  401: 'API Key Invalid',
  403: 'Forbidden',
  404: 'Resource Not Found',
  405: 'Method Not Allowed',
  429: 'Too Many Requests',
};

interface Told {
  readonly title?: string | undefined;
  /** What is wrong with each field. */
  readonly errors?: readonly object[];
}

/** A problem of the Marketing API: https://mailchimp.com/developer/marketing/docs/errors/ (2026-11). */
export function problem(status: number, detail: string, { title, errors = [] }: Told = {}): Reply {
  const usual = TITLES[status] ?? (status >= 500 ? 'Internal Server Error' : 'Bad Request');
  const body = {
    type: 'https://mailchimp.com/developer/marketing/docs/errors/',
    title: title ?? usual,
    status,
    detail,
    instance: crypto.randomUUID(),
    ...(errors.length > 0 && { errors }),
  };
  return json(body, { status, headers: { 'content-type': 'application/problem+json; charset=utf-8' } });
}

/** Mailchimp's generic error for a status. */
export function ofStatus(status: number, code?: string): Reply {
  return problem(status, 'The sandbox was told to refuse this, or does not know it.', { title: code });
}

export function keyInvalid(): Refusal {
  return new Refusal(problem(401, "Your API key may be invalid, or you've attempted to access the wrong datacenter."));
}

export function oauthError(status: number, error: string, description: string): Refusal {
  return new Refusal(json({ error, error_description: description }, { status }));
}
