import { EVIDENCE } from './dispute.ts';
import type { Draft, Objekt } from '../state/draft.ts';
import { expandable } from '../http/expansion.ts';
import { invalidRequest } from '../http/failure.ts';
import { given } from '../../core/given.ts';
import { metadata, metadataPatch } from '../http/metadata.ts';
import { closeDispute } from './money.ts';
import { boolean, clearable, hash, readForm, requiredText, text } from '../http/params.ts';
import type { Reader } from '../http/params.ts';
import { listing, retrieval, subject, writing } from '../http/resource.ts';

export const listDisputes = listing('dispute', {
  charge: { read: requiredText(255), key: 'charge' },
  payment_intent: { read: requiredText(255), key: 'payment_intent' },
});

export const retrieveDispute = retrieval('dispute');

const pieces = Object.fromEntries(EVIDENCE.map((piece) => [piece, clearable(text(20_000))])) as Record<
  (typeof EVIDENCE)[number],
  Reader<string | null>
>;
const updateSpec = { evidence: hash(pieces), expand: expandable('dispute'), metadata, submit: boolean };

/** Test evidence decides a dispute at once: https://docs.stripe.com/testing#evidence (2026-11). */
const VERDICTS: Readonly<Record<string, 'won' | 'lost'>> = { winning_evidence: 'won', losing_evidence: 'lost' };

export const updateDispute = writing('dispute', (call, draft) => {
  const before = subject(call, draft, 'dispute');
  const { evidence = {}, expand, metadata: keys, submit = true } = readForm(call.params, updateSpec);
  const answered = Object.keys(evidence).length > 0;
  if (answered) checkOpen(before);
  const patch = {
    evidence: { ...before.fields.evidence, ...given(evidence) },
    ...metadataPatch(before.fields.metadata, keys),
    ...(answered &&
      submit && { status: 'under_review' as const, submission_count: before.fields.submission_count + 1 }),
  };
  const object = draft.change('charge.dispute.updated', { kind: 'dispute', before, patch });
  const verdict = submit ? VERDICTS[evidence.uncategorized_text ?? ''] : undefined;
  return { object: verdict ? closeDispute(draft, object, verdict) : object, expand };
});

const closeSpec = { expand: expandable('dispute') };

/** The account accepts the dispute, which is then lost. */
export const closeDisputeEndpoint = writing('dispute', (call, draft: Draft) => {
  const before = subject(call, draft, 'dispute');
  const { expand } = readForm(call.params, closeSpec);
  checkOpen(before);
  return { object: closeDispute(draft, before, 'lost'), expand };
});

function checkOpen({ fields }: Objekt<'dispute'>): void {
  if (fields.status === 'won' || fields.status === 'lost') throw invalidRequest('This dispute is already closed.');
}
