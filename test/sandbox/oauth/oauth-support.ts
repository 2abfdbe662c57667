import { createHash, randomBytes } from 'node:crypto';
import * as client from 'openid-client';
import type { OAuthSandbox, OAuthSandboxOptions } from '../../../sandbox/oauth/oauth-sandbox.ts';
import { oauthControl } from '../../support/sandbox/sandbox-oauth.ts';
import { later } from '../../support/later.ts';

/** openid-client, configured for a stand-in without TLS. */
export function openidConfiguration({
  clientId,
  authentication,
  ...endpoints
}: {
  readonly authorizeUrl: string;
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly authentication: client.ClientAuth;
}): client.Configuration {
  const config = new client.Configuration(
    {
      issuer: 'https://provider.example',
      authorization_endpoint: endpoints.authorizeUrl,
      token_endpoint: endpoints.tokenUrl,
    },
    clientId,
    undefined,
    authentication,
  );
  // oxlint-disable-next-line typescript/no-deprecated -- marked so to stand out; a stand-in on loopback has no TLS
  client.allowInsecureRequests(config);
  return config;
}

export const CALLBACK = 'http://localhost:3000/oauth/callback';
export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** A stand-in for this test only, with its control API. Closes when the test ends. */
export async function aProvider<S extends OAuthSandbox>(
  start: (options?: OAuthSandboxOptions) => Promise<S>,
  options: OAuthSandboxOptions = {},
) {
  const sandbox = await start(options);
  later(() => sandbox.close());
  return { ...sandbox, control: oauthControl(sandbox.controlUrl) };
}

export type AProvider = Awaited<ReturnType<typeof aProvider<OAuthSandbox>>>;

export function urlOf(page: string, params: Readonly<Record<string, string | undefined>>): string {
  const url = new URL(page);
  for (const [name, value] of Object.entries(params)) if (value !== undefined) url.searchParams.set(name, value);
  return url.href;
}

export function paramsOf(redirectUrl: string): Readonly<Record<string, string>> {
  return Object.fromEntries(new URL(redirectUrl).searchParams);
}

/** The code with which the provider redirects the account owner. */
export async function codeFor(
  { control }: Pick<AProvider, 'control'>,
  authorizationUrl: string,
  account?: string,
): Promise<string> {
  const { redirectUrl } = await control.approve(authorizationUrl, account);
  return paramsOf(redirectUrl)['code'] ?? '';
}

export function aVerifier() {
  const verifier = randomBytes(32).toString('base64url');
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
}

export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Headers;
}

async function ask(url: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
  };
}

export function postForm(
  url: string,
  form: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return ask(url, { method: 'POST', headers, body: new URLSearchParams(form) });
}

export function postJson(url: string, body: object, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return ask(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

export function get(url: string, authorization?: string): Promise<Answer> {
  return ask(url, { headers: authorization === undefined ? {} : { authorization } });
}

export function basic(user: string, password: string): Readonly<Record<string, string>> {
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
}
