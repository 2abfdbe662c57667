import { expandable } from '../http/expansion.ts';
import { given } from '../../core/given.ts';
import { metadata, metadataPatch } from '../http/metadata.ts';
import { absent, clearable, email, readForm, requiredText, text } from '../http/params.ts';
import { listing, retrieval, subject, writing } from '../http/resource.ts';
import { searching } from '../http/search.ts';

export const listCharges = listing('charge', {
  customer: { read: requiredText(255), key: 'customer' },
  payment_intent: { read: requiredText(255), key: 'payment_intent' },
  transfer_group: { read: absent('transfer group'), accepts: () => false },
});

export const retrieveCharge = retrieval('charge');

export const searchCharges = searching('charge', {
  texts: ['currency', 'customer', 'disputed', 'refunded', 'status'],
  numbers: ['amount'],
});

const updateSpec = {
  description: clearable(text(40_000)),
  expand: expandable('charge'),
  metadata,
  receipt_email: clearable(email(512)),
};

export const updateCharge = writing('charge', (call, draft) => {
  const before = subject(call, draft, 'charge');
  const { expand, metadata: keys, ...params } = readForm(call.params, updateSpec);
  const patch = { ...given(params), ...metadataPatch(before.fields.metadata, keys) };
  return { object: draft.change('charge.updated', { kind: 'charge', before, patch }), expand };
});
