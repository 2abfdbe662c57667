import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AddressNotAllowedError, guardedFetch } from '../../providers/kit/address-guard.ts';

describe('a fetch to an address entered by a venue', () => {
  const server = createServer((req, res) => {
    if (req.url === '/away') res.writeHead(302, { location: 'http://10.0.0.1/' }).end();
    else if (req.url === '/none') res.writeHead(204).end();
    else req.pipe(res.writeHead(200, { 'x-method': req.method ?? '' }));
  });
  let port = 0;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  it.each([
    ['this machine', '127.0.0.1'],
    ['this machine by another of its addresses', '127.8.9.10'],
    ['this machine in a short form', '127.1'],
    ['this machine as a number', '2130706433'],
    ['any address of this machine', '0.0.0.0'],
    ['this machine over IPv6', '[::1]'],
    ['IPv4 written as IPv6', '[::ffff:127.0.0.1]'],
    ['IPv4 through a translator', '[64:ff9b::7f00:1]'],
    ['IPv4 translated to IPv6', '[::ffff:0:127.0.0.1]'],
    ['IPv4 within an IPv6 network of 6to4', '[2002:7f00:1::]'],
    ['a block of IPv6 that is not public yet', '[4000::1]'],
    ['an identifier that is no address', '[2001:20::1]'],
    ['the metadata of a cloud', '169.254.169.254'],
    ['a link-local address', '[fe80::1]'],
    ['a private network', '192.168.1.1'],
    ['a private network over IPv6', '[fd00::1]'],
    ['a name that leads to this machine', 'localhost'],
  ])('refuses %s before anything is sent', async (_what, host) => {
    await expect(guardedFetch([])(`http://${host}:${port}/`)).rejects.toBeInstanceOf(AddressNotAllowedError);
  });

  it.each(['8.8.8.8', '[2606:4700::1111]'])('accepts a public address: %s', async (host) => {
    const stopped = AbortSignal.abort(new Error('far enough'));
    await expect(guardedFetch([])(`http://${host}/`, { signal: stopped })).rejects.not.toBeInstanceOf(
      AddressNotAllowedError,
    );
  });

  it('calls an address that an operator allows, and no other', async () => {
    const call = guardedFetch(['127.0.0.1/32']);
    const answer = await call(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'ping' });
    expect([answer.status, answer.headers.get('x-method'), await answer.text()]).toEqual([200, 'POST', 'ping']);
    expect((await call(`http://127.0.0.1:${port}/none`)).status).toBe(204);
    await expect(call(`http://127.0.0.2:${port}/`)).rejects.toBeInstanceOf(AddressNotAllowedError);
  });

  it('follows no redirect', async () => {
    const answer = await guardedFetch(['127.0.0.1'])(`http://127.0.0.1:${port}/away`);
    expect([answer.status, answer.headers.get('location')]).toEqual([302, 'http://10.0.0.1/']);
  });
});
