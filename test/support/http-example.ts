/** A request on a page of documentation, with the answer that the page shows. */
export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON with placeholders. */
  readonly body: string | null;
  readonly answer: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: unknown;
  };
}

interface Block {
  readonly first: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/** The pairs of fenced `http` blocks in a Markdown text: a request, then its answer. */
export function readExchanges(markdown: string): readonly Exchange[] {
  const blocks = [...markdown.matchAll(/^```http\n([^]*?)^```$/gm)].map(([, text = '']) => readBlock(text));
  if (blocks.length % 2 !== 0) throw new Error('A request of the page has no answer');
  return blocks.flatMap((request, index) => {
    const answer = blocks[index + 1];
    if (index % 2 !== 0 || !answer) return [];
    const [method = '', path = ''] = request.first.split(' ');
    return [
      {
        ...request,
        method,
        path,
        answer: {
          status: Number(answer.first),
          headers: answer.headers,
          body: JSON.parse(answer.body ?? 'null') as unknown,
        },
      },
    ];
  });
}

function readBlock(text: string): Block {
  const [head = '', ...rest] = text.split('\n\n');
  const [first = '', ...lines] = head.trim().split('\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
  );
  return { first, headers, body: rest.join('\n\n').trim() || null };
}

export type Values = Map<string, string>;

/** Replaces `{{name}}` by its value. Throws for a name that no answer has defined. */
export function fillIn(text: string, values: Values): string {
  return text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values.get(name);
    if (value === undefined) throw new Error(`The page uses {{${name}}} before an answer has shown it`);
    return value;
  });
}

/**
 * Differences between an answer and the page, by path. The page may omit fields. `…` matches any present value;
 * `{{name}}` keeps a value, or matches the one kept.
 */
export function differences(shown: unknown, got: unknown, values: Values, path = ''): readonly string[] {
  if (typeof shown === 'string')
    return differsAsText(shown, got, values) ? [`${path}: ${JSON.stringify(got)} is not ${shown}`] : [];
  if (shown === null || typeof shown !== 'object')
    return shown === got ? [] : [`${path}: ${JSON.stringify(got)} is not ${String(shown)}`];
  if (Array.isArray(shown) && lengthOf(got) !== shown.length)
    return [`${path}: ${JSON.stringify(got)} does not have ${shown.length} items`];
  const fields = (got ?? {}) as Readonly<Record<string, unknown>>;
  return Object.entries(shown).flatMap(([name, value]) => differences(value, fields[name], values, `${path}.${name}`));
}

const lengthOf = (value: unknown): number | null => (Array.isArray(value) ? value.length : null);

function differsAsText(shown: string, got: unknown, values: Values): boolean {
  if (shown === '…') return got === undefined || got === null;
  const name = /^\{\{(\w+)\}\}$/.exec(shown)?.[1];
  if (name !== undefined && !values.has(name) && typeof got === 'string') values.set(name, got);
  return got !== fillIn(shown, values);
}
