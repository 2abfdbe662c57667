import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createAuthenticator } from '../../../api/auth/authentication.ts';

const CLAIMS = { role: 'viewer', venues: '*' };

/** An identity provider whose keys can be removed. */
async function anIssuer() {
  const { privateKey, publicKey } = await generateKeyPair('RS256');
  const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'RS256' }] };
  const state = { status: 200 };
  const server = createServer((_req, res) =>
    res.writeHead(state.status, { 'content-type': 'application/json' }).end(JSON.stringify(keys)),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  const sign = (alg: string, key: CryptoKeyOrBytes, kid = 'k1') =>
    new SignJWT(CLAIMS)
      .setProtectedHeader({ alg, kid })
      .setSubject('s')
      .setIssuer('https://id.test')
      .setAudience('interlock')
      .setExpirationTime('5m')
      .sign(key);
  return { url, state, keys, privateKey, sign };
}
type CryptoKeyOrBytes = Parameters<SignJWT['sign']>[0];

const now = () => new Date();

describe('tokens verified against a key set', () => {
  it('are accepted when signed by one of its keys, for our audience and by the issuer', async () => {
    const { url, privateKey, sign } = await anIssuer();
    const header = `Bearer ${await sign('RS256', privateKey)}`;
    const right = createAuthenticator(
      { kind: 'jwks', maxLifeSeconds: 86_400, url, issuer: 'https://id.test', audience: 'interlock' },
      now,
    );
    expect(await right.authenticate(header)).toMatchObject({ subject: 's', role: 'viewer', venues: '*' });
    for (const other of [{ issuer: 'https://other.test' }, { audience: 'another' }]) {
      await expect(
        createAuthenticator({ kind: 'jwks', maxLifeSeconds: 86_400, url, ...other }, now).authenticate(header),
      ).rejects.toMatchObject({ code: 'not-authenticated' });
    }
  });

  it('are rejected when signed with HS256 under the public key, or by an unknown key', async () => {
    const { url, keys, sign } = await anIssuer();
    const authenticator = createAuthenticator({ kind: 'jwks', maxLifeSeconds: 86_400, url }, now);
    const publicBytes = new TextEncoder().encode(JSON.stringify(keys.keys[0]));
    await expect(authenticator.authenticate(`Bearer ${await sign('HS256', publicBytes)}`)).rejects.toMatchObject({
      code: 'not-authenticated',
    });
    const { privateKey: foreign } = await generateKeyPair('RS256');
    await expect(authenticator.authenticate(`Bearer ${await sign('RS256', foreign)}`)).rejects.toMatchObject({
      code: 'not-authenticated',
    });
    await expect(authenticator.authenticate(`Bearer ${await sign('RS256', foreign, 'k2')}`)).rejects.toMatchObject({
      code: 'not-authenticated',
    });
  });

  it('cannot be verified while the key set is unavailable, and get 503 instead of 401', async () => {
    const { url, state, privateKey, sign } = await anIssuer();
    state.status = 500;
    const header = `Bearer ${await sign('RS256', privateKey)}`;
    await expect(
      createAuthenticator({ kind: 'jwks', maxLifeSeconds: 86_400, url }, now).authenticate(header),
    ).rejects.toMatchObject({ code: 'authentication-unavailable', status: 503 });
    await expect(
      createAuthenticator({ kind: 'jwks', maxLifeSeconds: 86_400, url: 'http://127.0.0.1:1/keys' }, now).authenticate(
        header,
      ),
    ).rejects.toMatchObject({ code: 'authentication-unavailable' });
  });
});
