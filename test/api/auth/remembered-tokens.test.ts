import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createAuthenticator } from '../../../api/auth/authentication.ts';
import { Secret } from '../../../vault/secret.ts';

const now = () => new Date();
const CLAIMS = { role: 'viewer', venues: '*' };

const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1_000);
const refused = { code: 'not-authenticated' };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a token that was verified before', () => {
  const key = randomBytes(32).toString('base64');
  const authenticator = createAuthenticator({ kind: 'secret', secret: new Secret(key), maxLifeSeconds: 86_400 }, now);
  const aToken = (claims: Record<string, unknown>, seconds: number) =>
    new SignJWT({ ...CLAIMS, ...claims })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('s')
      .setExpirationTime(Math.floor(Date.now() / 1_000) + seconds)
      .sign(new TextEncoder().encode(key));

  it('is refused once it has expired', async () => {
    const header = `Bearer ${await aToken({}, 20)}`;
    await authenticator.authenticate(header);
    later(15);
    await authenticator.authenticate(header);
    later(11);
    await expect(authenticator.authenticate(header)).rejects.toMatchObject(refused);
  });

  it('lends its venues and its role to no other token of the same subject', async () => {
    const venue = '01a22316-30ab-7704-98d1-89d1929a8c9b';
    const wide = `Bearer ${await aToken({ role: 'admin' }, 60)}`;
    const narrow = `Bearer ${await aToken({ venues: [venue] }, 60)}`;
    for (const round of [1, 2]) {
      expect(await authenticator.authenticate(wide), `round ${round}`).toMatchObject({ role: 'admin', venues: '*' });
      expect(await authenticator.authenticate(narrow), `round ${round}`).toMatchObject({
        role: 'viewer',
        venues: [venue],
      });
    }
  });
});

describe('a signing key that is withdrawn from the key set', () => {
  it('is refused five and a half minutes later', async () => {
    const [old, fresh] = [await generateKeyPair('RS256'), await generateKeyPair('RS256')];
    const publish = async (pair: typeof old, kid: string) => ({
      keys: [{ ...(await exportJWK(pair.publicKey)), kid, alg: 'RS256' }],
    });
    let published = await publish(old, 'old');
    const server = createServer((_req, res) =>
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(published)),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
    const authenticator = createAuthenticator({ kind: 'jwks', maxLifeSeconds: 86_400, url }, now);
    const token = async (pair: typeof old, kid: string) =>
      `Bearer ${await new SignJWT(CLAIMS).setProtectedHeader({ alg: 'RS256', kid }).setSubject('s').setExpirationTime('1h').sign(pair.privateKey)}`;
    const header = await token(old, 'old');
    await authenticator.authenticate(header);
    published = await publish(fresh, 'fresh');
    later(5 * 60 + 30);
    await expect(authenticator.authenticate(header)).rejects.toMatchObject(refused);
    expect(await authenticator.authenticate(await token(fresh, 'fresh'))).toMatchObject({ subject: 's' });
  });
});
