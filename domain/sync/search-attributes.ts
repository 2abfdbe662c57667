/** Search attributes in the types of Temporal's SDK, which this room must not import. */
interface KeywordAttribute {
  readonly key: { readonly name: string; readonly type: 'KEYWORD' };
  readonly value: string;
}
interface BoolAttribute {
  readonly key: { readonly name: string; readonly type: 'BOOL' };
  readonly value: boolean;
}

/** Search attributes that hold one word or id each, by name. */
export function keywordAttributes(keywords: Readonly<Record<string, string>>): KeywordAttribute[] {
  return Object.entries(keywords).map(([name, value]) => ({ key: { name, type: 'KEYWORD' }, value }));
}

/** The search attributes of a new workflow, which does not need attention. */
export function startAttributes(keywords: Readonly<Record<string, string>>): (KeywordAttribute | BoolAttribute)[] {
  return [...keywordAttributes(keywords), { key: { name: 'NeedsAttention', type: 'BOOL' }, value: false }];
}
