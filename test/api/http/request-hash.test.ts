import { describe, expect, it } from 'vitest';
import { hashRequest, JSON_TYPE } from '../../../api/http/body.ts';

const hashOf = (url: string, body = '{}') => hashRequest({ url }, JSON_TYPE, Buffer.from(body));

describe('the request hash of an Idempotency-Key', () => {
  it('differs for two queries that differ only after a second question mark', () => {
    expect(hashOf('/v1/things?note=why?one')).not.toBe(hashOf('/v1/things?note=why?two'));
    expect(hashOf('/v1/things?note=why')).not.toBe(hashOf('/v1/things?note=why?'));
  });

  it('differs with and without a query', () => {
    expect(hashOf('/v1/things')).not.toBe(hashOf('/v1/things?limit=1'));
    expect(hashOf('/v1/things')).toBe(hashOf('/v1/things'));
  });
});
