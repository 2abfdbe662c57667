import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import type { SearchAttributePair } from '@temporalio/common';

const NEEDS_ATTENTION = defineSearchAttributeKey('NeedsAttention', SearchAttributeType.BOOL);

/** Search attributes of type Keyword in the SDK's words. */
export function keywordAttributes(keywords: Readonly<Record<string, string>>): SearchAttributePair[] {
  return Object.entries(keywords).map(([name, value]) => ({ key: defineSearchAttributeKey(name, SearchAttributeType.KEYWORD), value }));
}

/** Those of a workflow that begins: it is not on the operators' list. */
export function startAttributes(keywords: Readonly<Record<string, string>>): SearchAttributePair[] {
  return [...keywordAttributes(keywords), { key: NEEDS_ATTENTION, value: false }];
}
