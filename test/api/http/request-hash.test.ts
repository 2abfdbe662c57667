import { describe, expect, it } from 'vitest';
import { hashRequest, JSON_TYPE } from '../../../api/http/body.ts';

const hashOf = (url: string, body = '{}') => hashRequest({ url }, JSON_TYPE, Buffer.from(body));

describe('the hash of a request, by which an Idempotency-Key knows a repeat', () => {
  it('tells two queries apart that differ only after a second question mark', () => {
    expect(hashOf('/v1/things?note=why?one')).not.toBe(hashOf('/v1/things?note=why?two'));
    expect(hashOf('/v1/things?note=why')).not.toBe(hashOf('/v1/things?note=why?'));
  });

  it('tells a request without a query from one with', () => {
    expect(hashOf('/v1/things')).not.toBe(hashOf('/v1/things?limit=1'));
    expect(hashOf('/v1/things')).toBe(hashOf('/v1/things'));
  });
});
