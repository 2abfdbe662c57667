import { expect, it } from 'vitest';
import { deadLetterAdvice } from '../../../domain/dead-letters/dead-letter-advice.ts';

const anEvent = (code: string) =>
  deadLetterAdvice({ source: 'event', state: 'open', code, recordId: null, externalId: null });

it.each(['unreadable', 'body-expired'])(
  'advises a pull, and no retry, for an event that can never be applied: %s',
  (code) => {
    expect(anEvent(code)).toMatch(/start a pull.*discard the entry/iu);
  },
);

it.each(['unavailable', 'rate-limited', 'quota-exhausted', 'unexpected-response'])(
  'says that an event whose provider could not be asked is handled again by itself: %s',
  (code) => {
    expect(anEvent(code)).toContain('again by itself once the provider answers');
  },
);

it('advises a retry of any other event', () => {
  expect(anEvent('internal')).toMatch(/^Retry the entry/u);
});
