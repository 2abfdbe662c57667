/** Characters of a query that every address holds: some are refused from 2,000 on. */
const MOST_CHARACTERS = 1_500;

/** The texts in groups, each of which one query takes. `around` is what stands about each text there. */
export function inShortQueries(texts: readonly string[], around: string): readonly (readonly string[])[] {
  const groups: string[][] = [];
  let length = Infinity;
  for (const text of new Set(texts)) {
    const added = encodeURIComponent(text + around).length;
    if (length + added > MOST_CHARACTERS) {
      groups.push([]);
      length = 0;
    }
    groups.at(-1)?.push(text);
    length += added;
  }
  return groups;
}
