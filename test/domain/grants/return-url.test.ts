import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createReturnUrls, withOutcome } from '../../../domain/grants/return-url.ts';

const returnUrls = createReturnUrls([
  'https://shop.example/app/connected',
  'https://xn--bcher-kva.example',
  'http://127.0.0.1:3000/back/',
  'http://localhost:4000/',
]);
const allows = (url: string) => returnUrls.check(url).ok;

describe('a return URL', () => {
  it.each([
    'https://shop.example/app/connected',
    'https://shop.example/app/connected/',
    'https://shop.example/app/connected/step/2?venue=7&tab=a%2Fb',
    'https://xn--bcher-kva.example',
    'https://xn--bcher-kva.example/anything',
    'http://127.0.0.1:3000/back',
    'http://127.0.0.1:3000/back/x',
    'http://localhost:4000',
  ])('%s is covered by the allow-list', (url) => {
    expect(returnUrls.check(url)).toEqual({ ok: true });
  });

  it.each([
    ['of another host', 'https://evil.example/app/connected'],
    ['of a host that only begins like ours', 'https://shop.example.evil.example/app/connected'],
    ['of a host that only ends like ours', 'https://evilshop.example/app/connected'],
    ['of a subdomain', 'https://www.shop.example/app/connected'],
    ['of another scheme', 'http://shop.example/app/connected'],
    ['of another port', 'https://shop.example:8443/app/connected'],
    ['with an explicit default port', 'https://shop.example:443/app/connected'],
    ['above the path', 'https://shop.example/app'],
    ['beside the path', 'https://shop.example/app/connectedness'],
    ['with another case of the path', 'https://shop.example/App/connected'],
    ['that climbs out by dots', 'https://shop.example/app/connected/../../admin'],
    ['that climbs out by encoded dots', 'https://shop.example/app/connected/%2e%2e/%2e%2e/admin'],
    ['with encoded dots that stay', 'https://shop.example/app/connected/%2ehidden'],
    ['with an encoded slash', 'https://shop.example/app/connected/..%2fadmin'],
    ['with an encoded backslash', 'https://shop.example/app/connected/..%5cadmin'],
    ['with a doubly encoded slash', 'https://shop.example/app/connected/..%252fadmin'],
    ['with an overlong slash', 'https://shop.example/app/connected/..%c0%afadmin'],
    ['with half an escape', 'https://shop.example/app/connected/%'],
    ['with an encoded line break', 'https://shop.example/app/connected/%0d%0aSet-Cookie:a'],
    ['that climbs out by dots before a semicolon', 'https://shop.example/app/connected/..;/..;/admin'],
    ['that stays by a dot before a semicolon', 'https://shop.example/app/connected/.;x/admin'],
    ['with an empty segment', 'https://shop.example/app/connected//admin'],
    ['with an empty segment at the end', 'https://shop.example/app/connected//'],
    ['with a user', 'https://user@shop.example/app/connected'],
    ['with a user that looks like our host', 'https://shop.example@evil.example/app/connected'],
    ['with an empty user', 'https://@shop.example/app/connected'],
    ['with a password', 'https://a:b@shop.example/app/connected'],
    ['with a fragment', 'https://shop.example/app/connected#x'],
    ['with an empty fragment', 'https://shop.example/app/connected#'],
    ['with a backslash for a slash', 'https:\\\\shop.example\\app\\connected'],
    ['with a backslash before another host', 'https://shop.example\\.evil.example/app/connected'],
    ['with a tab', 'https://shop.example/app/con\tnected'],
    ['with a line break', 'https://shop.example/app/connected\r\nLocation: x'],
    ['with a NUL', 'https://shop.example/app/connected\0'],
    ['with a space in front', ' https://shop.example/app/connected'],
    ['with a trailing dot', 'https://shop.example./app/connected'],
    ['in capitals', 'https://SHOP.example/app/connected'],
    ['with a letter that only looks like ours', 'https://ѕhop.example/app/connected'],
    ['with full-width letters that fold to ours', 'https://ｓhop.example/app/connected'],
    ['with an ideographic full stop', 'https://shop。example/app/connected'],
    ['in Unicode although the list has its punycode', 'https://bücher.example/'],
    ['with a soft hyphen', 'https://sh\u00adop.example/app/connected'],
    ['with an encoded host', 'https://sh%6fp.example/app/connected'],
    ['with one slash', 'https:/shop.example/app/connected'],
    ['with three slashes', 'https:///shop.example/app/connected'],
    ['without a scheme', '//shop.example/app/connected'],
    ['that is a path', '/app/connected'],
    ['that is empty', ''],
    ['of JavaScript', 'javascript:alert(1)'],
    ['of data', 'data:text/html,hello'],
    ['of a file', 'file:///etc/passwd'],
    ['of ftp', 'ftp://shop.example/app/connected'],
    ['of a blob', 'blob:https://shop.example/app/connected'],
    ['of a loopback address that is not listed', 'http://127.0.0.1/back'],
    ['of loopback at another port', 'http://127.0.0.1:3001/back'],
    ['of the listed loopback in hex', 'http://0x7f000001:3000/back'],
    ['of the listed loopback in octal', 'http://0177.0.0.1:3000/back'],
    ['of the listed loopback as one number', 'http://2130706433:3000/back'],
    ['of the listed loopback cut short', 'http://127.1:3000/back'],
    ['of the listed loopback under its name', 'http://localhost:3000/back'],
    ['of IPv6 loopback', 'http://[::1]:3000/back'],
    ['of loopback mapped into IPv6', 'http://[::ffff:127.0.0.1]:3000/back'],
    ['of loopback mapped into IPv6 in hex', 'http://[::ffff:7f00:1]:3000/back'],
    ['of the unspecified address', 'http://0.0.0.0:3000/back'],
    ['of a link-local address', 'http://169.254.169.254/latest/meta-data/'],
    ['of a private address', 'http://10.0.0.1/back'],
    ['of a name that may resolve to loopback', 'http://127.0.0.1.nip.io:3000/back'],
    ['whose query forges the outcome', 'https://shop.example/app/connected?outcome=connected'],
    ['whose query forges the connection', 'https://shop.example/app/connected?connection%49d=1'],
    ['that is too long', `https://shop.example/app/connected/${'a'.repeat(2_000)}`],
  ])('%s is rejected with a reason', (_case, url) => {
    const check = returnUrls.check(url);
    expect(check).toMatchObject({ ok: false });
    expect(check.ok ? '' : check.reason).toMatch(/./);
  });

  it('is never allowed without an allow-list', () => {
    expect(createReturnUrls([]).check('https://shop.example/')).toMatchObject({
      ok: false,
      reason: expect.stringContaining('RETURN_URLS') as string,
    });
  });

  it('is allowed from arbitrary text only if a browser would open something under the allow-list', () => {
    const piece = fc.constantFrom(
      'https://',
      'http://',
      'shop.example',
      'evil.example',
      '@',
      ':',
      '/',
      '\\',
      '//',
      '..',
      '.',
      '%2e',
      '%2f',
      '%5c',
      '%00',
      '?',
      '#',
      'app',
      'connected',
      '127.0.0.1',
      '0x7f.1',
      '[::1]',
      ':3000',
      '\t',
      '\n',
      ' ',
      '。',
      '%',
      'a',
    );
    const text = fc.oneof(
      fc.array(piece, { minLength: 1, maxLength: 10 }).map((pieces) => pieces.join('')),
      fc.webUrl({ withQueryParameters: true, withFragments: true }),
      fc.string().map((tail) => `https://shop.example/app/connected${tail}`),
    );
    fc.assert(
      fc.property(text, (candidate) => {
        if (!allows(candidate)) return;
        const url = new URL(candidate);
        // As written, and as read by software that decodes the path again.
        const again = new URL(decodeURIComponent(url.pathname), url.origin);
        const isUnder = ({ origin: at, pathname }: URL) =>
          [
            ['https://shop.example', '/app/connected'],
            ['https://xn--bcher-kva.example', ''],
            ['http://127.0.0.1:3000', '/back'],
            ['http://localhost:4000', ''],
          ].some(([origin, path]) => at === origin && `${pathname}/`.startsWith(`${path ?? ''}/`));
        expect([isUnder(url), isUnder(again), url.username, url.password, url.hash]).toEqual([true, true, '', '', '']);
      }),
      { numRuns: 20_000 },
    );
  });

  it('is allowed for every path of plain segments under an entry', () => {
    const segments = fc.array(fc.stringMatching(/^[a-z0-9_-]{1,10}$/), { maxLength: 5 });
    fc.assert(
      fc.property(segments, (path) => {
        expect(allows(['https://shop.example/app/connected', ...path].join('/'))).toBe(true);
      }),
    );
  });
});

describe('the redirect to a return URL', () => {
  it('keeps the caller’s query and adds the outcome of the attempt', () => {
    expect(
      withOutcome('https://shop.example/app/connected?venue=7', {
        connectionId: 'c1',
        outcome: 'refused',
        code: 'authorization-denied',
      }),
    ).toBe('https://shop.example/app/connected?venue=7&connectionId=c1&outcome=refused&code=authorization-denied');
  });
});

describe('the allow-list', () => {
  it.each([
    'shop.example',
    'https://user@shop.example/',
    'https://shop.example/?a',
    'https://shop.example/#a',
    'ftp://shop.example/',
  ])('rejects the entry %s at startup', (entry) => {
    expect(() => createReturnUrls([entry])).toThrow(TypeError);
  });
});
