import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { attemptOf } from '../../../api/connections/authorization-states.ts';
import type { VenueId } from '../../../contracts/ids.ts';
import type { ProviderId } from '../../../contracts/providers.ts';
import { ownerBrowser } from '../../support/owner-browser.ts';
import { createApiWorld } from '../api-world.ts';
import type { Answered, ApiWorld, SendOptions } from '../api-world.ts';

export const CODE = 'canary-code_0123456789';

export interface Begun {
  readonly connectionId: string;
  readonly state: string;
  readonly attempt: string;
  /** `authorizationUrl` of the answer. */
  readonly link: string;
}

interface VisitOptions extends SendOptions {
  readonly provider?: string;
  readonly method?: string;
  /** Sends the cookies of the browser that opened the links; false visits from another browser. */
  readonly sameBrowser?: boolean;
}

/**
 * Account owners and their browsers, against an API for the tests of a file. Each test starts with a new venue, with
 * everything available and every attempt succeeding.
 */
export function createVisitors() {
  let api: ApiWorld;
  let venueId: VenueId;
  const browser = ownerBrowser(() => `http://127.0.0.1:${api.port}`);

  beforeAll(async () => {
    api = await createApiWorld();
  });
  beforeEach(async () => {
    venueId = await api.aVenue();
  });
  afterEach(() => {
    const { connectionGateway } = api;
    connectionGateway.away = false;
    connectionGateway.noWorker = false;
    connectionGateway.lateWorker = false;
    connectionGateway.end = ({ connectionId }) => ({ outcome: 'connected', connectionId });
  });
  afterAll(() => api.close());

  return {
    api: () => api,
    anAttempt: async (provider: ProviderId = 'square', more: object = {}): Promise<Begun> => {
      const { json } = await api.send('POST', `/v1/venues/${venueId}/connections`, {
        json: { provider, environment: api.environmentOf(provider), ...more },
      });
      const link = json.authorizationUrl;
      const state = new URL(link).searchParams.get('state') ?? '';
      await browser.open(link);
      return { connectionId: json.id, state, attempt: attemptOf(state), link };
    },
    browser,
    visit: (
      query: string | Readonly<Record<string, string>>,
      { provider = 'square', method = 'GET', sameBrowser = true, headers, ...options }: VisitOptions = {},
    ) =>
      api.send(
        method,
        `/oauth/${provider}/callback?${typeof query === 'string' ? query : new URLSearchParams(query).toString()}`,
        { token: null, headers: { ...headers, ...(sameBrowser && { cookie: browser.cookies() }) }, ...options },
      ),
    handedOver: ({ attempt }: Begun) =>
      api.connectionGateway.callbacks.filter((callback) => callback.attempt === attempt),
  };
}

/** Checks what every page of the callback has in common. */
export function expectPage(answer: Answered, status: number, code?: string): void {
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
  const policy = answer.headers.get('content-security-policy') ?? '';
  expect(policy).toMatch(
    /^default-src 'none'; style-src 'sha256-[\w+/=]+'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
  );
  expect(answer.text).toMatch(/^<!doctype html>\n<html lang="en">[^]*<title>[^<]+<\/title>[^]*<main>\n<h1>[^<]+<\/h1>/);
  expect(answer.text).not.toMatch(/<script|<img|<link|<form|<a |\son\w+=|https?:/);
  if (code !== undefined) expect(answer.text).toContain(`Code: ${code}`);
}
