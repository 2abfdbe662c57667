import { describe, expect, it } from 'vitest';
import { createRouteFinder } from '../../../api/http/route-finder.ts';

const find = createRouteFinder([
  '/v1/things',
  '/v1/things/batch',
  '/v1/things/{thingId}',
  '/v1/things/{thingId}/parts/{partId}',
  '/v1/{kind}/all',
  '/v1/things/all',
]);

describe('the finder of routes', () => {
  it.each([
    ['/v1/things', '/v1/things', {}],
    ['/v1/things?limit=1&a=/b', '/v1/things', {}],
    ['/v1/things/7-a_B', '/v1/things/{thingId}', { thingId: '7-a_B' }],
    ['/v1/things/7/parts/8?', '/v1/things/{thingId}/parts/{partId}', { thingId: '7', partId: '8' }],
    ['/v1/other/all', '/v1/{kind}/all', { kind: 'other' }],
  ])('finds the path and the parameters of %s', (target, path, params) => {
    expect(find(target)).toEqual({ path, params });
  });

  it('prefers the path that was given first', () => {
    expect(find('/v1/things/batch')?.path).toBe('/v1/things/batch');
    expect(find('/v1/things/all')?.path).toBe('/v1/things/{thingId}');
  });

  it.each([
    ['is none', '/v1/others'],
    ['ends too early', '/v1/things/7/parts'],
    ['goes on', '/v1/things/7/parts/8/9'],
    ['ends in a slash', '/v1/things/'],
    ['has an empty segment', '/v1//things'],
    ['has an escape', '/v1/%74hings'],
    ['has a dot', '/v1/./things'],
    ['has a fragment', '/v1/things#a'],
    ['has other letters', '/v1/Things'],
    ['has the origin before it', 'http://example.com/v1/things'],
    ['has an object’s own word', '/v1/__proto__'],
    ['is empty', ''],
    ['is all resources', '*'],
  ])('finds nothing for a target whose path %s', (_what, target) => {
    expect(find(target)).toBeNull();
  });
});
