import { lookup } from 'node:dns';
import type { LookupOptions } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import { BlockList, isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import { Readable } from 'node:stream';

/**
 * Addresses that a venue's own base URL never reaches unless an operator allows them: this machine, its network, and
 * everything outside the public internet (https://www.iana.org/assignments/iana-ipv4-special-registry,
 * iana-ipv6-special-registry).
 */
const NOT_PUBLIC = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  // Everything outside 2000::/3, the only block with public IPv6 addresses: among it this machine, local networks, and
  // forms of IPv4 addresses, whose targets need another rule.
  '::/3',
  '4000::/2',
  '8000::/1',
  // Within it: protocols such as Teredo, 6to4, and documentation.
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
];

/** This machine's addresses, for development. */
export const LOOPBACK = ['127.0.0.0/8', '::1'] as const;

/** The address may not be called. The message names no address. */
export class AddressNotAllowedError extends Error {
  override readonly name = 'AddressNotAllowedError';
  constructor() {
    super('the address is not one that may be called from here');
  }
}

/**
 * A `fetch` for base URLs that a venue enters. It connects to the very address that it has checked, so that a name
 * server cannot answer the check with one address and the call with another. `allowed`: networks or addresses that an
 * operator allows besides public ones.
 */
export function guardedFetch(allowed: readonly string[]): typeof fetch {
  const mayCall = addressRule(allowed);
  const lookup = judgedLookup(mayCall);
  // Agents of its own: a connection that other code has kept open was made to an address that nobody has checked.
  const agents = { 'http:': new http.Agent({ keepAlive: true }), 'https:': new https.Agent({ keepAlive: true }) };
  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input);
    // An address needs no lookup.
    if (isRefusedLiteral(url, mayCall)) throw new AddressNotAllowedError();
    return send(url, init, { lookup, agent: url.protocol === 'https:' ? agents['https:'] : agents['http:'] });
  };
}

/** Whether an address may be called: a public one, or one that an operator allows. */
export function addressRule(allowed: readonly string[]): (address: string) => boolean {
  const [refused, permitted] = [listOf(NOT_PUBLIC), listOf(allowed)];
  return (address) => permitted(address) || !refused(address);
}

/** The URL names an address, and not one that may be called. */
export function isRefusedLiteral({ hostname }: URL, mayCall: (address: string) => boolean): boolean {
  const host = hostname.replace(/^\[|\]$/g, '');
  return isIP(host) !== 0 && !mayCall(host);
}

/** One list per family, because Node 24 counts every IPv4 address as part of `::ffff:0:0/96`. */
function listOf(networks: readonly string[]): (address: string) => boolean {
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    const family = familyOf(address);
    lists[family].addSubnet(address, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family);
  }
  return (address) => lists[familyOf(address)].check(address, familyOf(address));
}

const familyOf = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** Every address of the name must be allowed, because Node chooses the one to connect to. */
const judgedLookup =
  (mayCall: (address: string) => boolean): LookupFunction =>
  (hostname, options: LookupOptions, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) callback(error, '');
      else if (!addresses.every(({ address }) => mayCall(address))) callback(new AddressNotAllowedError(), '');
      else if (options.all === true) callback(null, addresses);
      else callback(null, addresses[0]?.address ?? '', addresses[0]?.family);
    });
  };

/** Follows no redirect: its target has not been checked. */
function send(
  url: URL,
  { method = 'GET', headers, body, signal }: RequestInit,
  through: { readonly lookup: LookupFunction; readonly agent: http.Agent },
) {
  return new Promise<Response>((resolve, reject) => {
    const request = (url.protocol === 'https:' ? https : http).request(
      url,
      {
        method,
        headers: Object.fromEntries(new Headers(headers)),
        ...through,
        ...(signal && { signal }),
      },
      (answer) => {
        resolve(toResponse(answer));
      },
    );
    request.on('error', reject);
    request.end(typeof body === 'string' || body instanceof URLSearchParams ? String(body) : undefined);
  });
}

/** Statuses without a body: `Response` accepts none for them. */
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

function toResponse(answer: http.IncomingMessage): Response {
  const { statusCode: status = 502 } = answer;
  const headers = new Headers();
  for (const [name, value] of Object.entries(answer.headers)) if (typeof value === 'string') headers.set(name, value);
  if (!WITHOUT_BODY.has(status)) return new Response(Readable.toWeb(answer) as ReadableStream, { status, headers });
  answer.resume();
  return new Response(null, { status, headers });
}
