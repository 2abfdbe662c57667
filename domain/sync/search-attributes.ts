/** Search attributes in the words of Temporal's SDK, which this room does not import. */
interface KeywordAttribute {
  readonly key: { readonly name: string; readonly type: 'KEYWORD' };
  readonly value: string;
}
interface BoolAttribute {
  readonly key: { readonly name: string; readonly type: 'BOOL' };
  readonly value: boolean;
}

/** Those that hold one word or id each, by name. */
export function keywordAttributes(keywords: Readonly<Record<string, string>>): KeywordAttribute[] {
  return Object.entries(keywords).map(([name, value]) => ({ key: { name, type: 'KEYWORD' }, value }));
}

/** Those of a workflow that begins: it is not on the operators' list. */
export function startAttributes(keywords: Readonly<Record<string, string>>): (KeywordAttribute | BoolAttribute)[] {
  return [...keywordAttributes(keywords), { key: { name: 'NeedsAttention', type: 'BOOL' }, value: false }];
}
