import { describe, expect, it } from 'vitest';
import { BatchOutcomes } from '../../../providers/mailchimp/customers/batch-outcomes.ts';
import { hashOf } from '../../../providers/mailchimp/customers/customer-fields.ts';
import { batchSchema } from '../../../providers/mailchimp/customers/customer-responses.ts';
import { ProviderError } from '../../../providers/provider-error.ts';

const aMember = (address: string, more: object = {}) => ({
  contact_id: `contact of ${address}`,
  id: hashOf(address),
  email_address: address,
  status: 'subscribed',
  ...more,
});

describe('the answer to a batch', () => {
  const answer = batchSchema.parse({
    new_members: [
      aMember('ada@example.com', { merge_fields: { FNAME: 'Ada', 'a tag': 7 }, tags: null, language: '' }),
      aMember('odd@example.com', { status: 'forwarded' }),
      aMember('list@example.com', { merge_fields: [] }),
      { email_address: 'Bare@example.com' },
      null,
      'no member',
    ],
    updated_members: [aMember('grace@example.com')],
    errors: [{ email_address: 'refused@example.com', error: 'Please provide a valid email address.' }],
  });
  const outcomes = new BatchOutcomes(answer);
  const issuesOf = (address: string) => {
    const outcome = outcomes.of(hashOf(address));
    return outcome instanceof ProviderError ? outcome.details.unreadable : null;
  };

  it('tells each member that was added or changed', () => {
    expect(outcomes.of(hashOf('ADA@example.com'))).toMatchObject({
      contact_id: 'contact of ada@example.com',
      merge_fields: { FNAME: 'Ada', 'a tag': 7 },
    });
    expect(outcomes.of(hashOf('grace@example.com'))).toMatchObject({ email_address: 'grace@example.com' });
  });

  it('holds a member that is unreadable against that member alone, and says what is wrong with it', () => {
    expect(issuesOf('odd@example.com')).toContain('status');
    expect(issuesOf('list@example.com')).toContain('merge_fields');
    expect(issuesOf('bare@example.com')).toContain('contact_id');
  });

  it('has an error for a member that it refuses, and for one that it does not tell', () => {
    expect(outcomes.of(hashOf('refused@example.com'))).toMatchObject({ details: { kind: 'rejected' } });
    expect(issuesOf('nobody@example.com')).toContain('missing');
  });
});
