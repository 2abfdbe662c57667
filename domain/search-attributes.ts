/** A search attribute in the words of Temporal's SDK, which this room does not import. */
type SearchAttribute = { readonly key: { readonly name: string; readonly type: 'KEYWORD' }; readonly value: string } | { readonly key: { readonly name: string; readonly type: 'BOOL' }; readonly value: boolean };

export function keywordAttributes(keywords: Readonly<Record<string, string>>): SearchAttribute[] {
  return Object.entries(keywords).map(([name, value]) => ({ key: { name, type: 'KEYWORD' }, value }));
}

/** Those of a workflow that begins: it is not on the operators' list. */
export function startAttributes(keywords: Readonly<Record<string, string>>): SearchAttribute[] {
  return [...keywordAttributes(keywords), { key: { name: 'NeedsAttention', type: 'BOOL' }, value: false }];
}
