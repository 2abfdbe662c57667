import type { Request, Response } from 'express';
import { ApiError } from '../errors/api-error.ts';
import { sameText } from './authorization-states.ts';
import type { AuthorizationStates } from './authorization-states.ts';

/**
 * Longer than an attempt lives, so that an account owner who returns too late is told so, and one who reloads the
 * outcome sees it again.
 */
const COOKIE_LIFE_MS = 3_600_000;

export interface BrowserBinding {
  /** Binds the attempt to the browser that has opened its link. */
  bind(res: Response, attempt: string): void;
  isBound(req: Request, attempt: string): boolean;
  /** Throws ApiError `authorization-other-browser`. */
  requireBound(req: Request, attempt: string): void;
}

/**
 * Binds an attempt to connect to the browser that opened its link, with a cookie per attempt, because an account owner
 * may connect several accounts at once. A stolen callback URL with its code and state is useless elsewhere (RFC 9700
 * section 4.7.1, January 2025, https://www.rfc-editor.org/rfc/rfc9700#section-4.7.1).
 *
 * `SameSite=Lax`: the provider's page on another site leads back by a top-level GET. `__Host-` keeps other hosts of the
 * domain from setting the cookie and needs `Secure`, so an `http:` public URL (development) has a cookie without both:
 * Chrome and Firefox treat localhost as secure, Safari and most programs do not
 * (https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Set-Cookie#secure, read 2026-11-28).
 */
export function createBrowserBinding(
  states: Pick<AuthorizationStates, 'browserTokenFor'>,
  publicUrl: string,
): BrowserBinding {
  const secure = publicUrl.startsWith('https:');
  const nameOf = (attempt: string): string => `${secure ? '__Host-' : ''}interlock-connect-${attempt.slice(0, 16)}`;
  const isBound = (req: Request, attempt: string): boolean => {
    const expected = `${nameOf(attempt)}=${states.browserTokenFor(attempt)}`;
    return (req.headers.cookie ?? '').split(';').some((cookie) => sameText(cookie.trim(), expected));
  };
  return {
    bind(res, attempt) {
      res.cookie(nameOf(attempt), states.browserTokenFor(attempt), {
        path: '/',
        secure,
        httpOnly: true,
        sameSite: 'lax',
        maxAge: COOKIE_LIFE_MS,
      });
    },
    isBound,
    requireBound(req, attempt) {
      if (!isBound(req, attempt))
        throw new ApiError('authorization-other-browser', 'This browser has not opened the link of this attempt.');
    },
  };
}
