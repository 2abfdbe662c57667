export interface Route {
  /** In OpenAPI notation. */
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
}

interface End {
  readonly path: string;
  /** Of each segment, the name of the parameter that it is. */
  readonly names: readonly (string | null)[];
  readonly order: number;
}

/** The beginning of some paths, and what may follow it. */
interface Node {
  readonly words: Map<string, Node>;
  parameter: Node | null;
  end: End | null;
}

/** A path of which nothing is to be decoded or normalised. */
const PLAIN = /^(?:\/[\w-]+)+(?=\?|$)/;

/**
 * Finds the path that a request target is for; of several the first one, as Express does. Null for a target whose path
 * is none of them, or would have to be decoded or normalised.
 */
export function createRouteFinder(paths: readonly string[]): (target: string) => Route | null {
  const root = treeOf(paths);
  return (target) => {
    const segments = PLAIN.exec(target)?.[0].slice(1).split('/');
    const end = segments ? firstEnd(root, segments, 0) : null;
    return segments && end ? { path: end.path, params: paramsOf(end, segments) } : null;
  };
}

function treeOf(paths: readonly string[]): Node {
  const root = emptyNode();
  for (const [order, path] of paths.entries()) {
    const segments = path.slice(1).split('/');
    const names = segments.map((segment) => /^\{(\w+)\}$/.exec(segment)?.[1] ?? null);
    let node = root;
    for (const [index, segment] of segments.entries())
      node = names[index] === null ? word(node, segment) : parameter(node);
    node.end ??= { path, names, order };
  }
  return root;
}

const emptyNode = (): Node => ({ words: new Map(), parameter: null, end: null });

function word({ words }: Node, segment: string): Node {
  const next = words.get(segment) ?? emptyNode();
  words.set(segment, next);
  return next;
}

const parameter = (node: Node): Node => (node.parameter ??= emptyNode());

function firstEnd(node: Node, segments: readonly string[], index: number): End | null {
  const segment = segments[index];
  if (segment === undefined) return node.end;
  const next = node.words.get(segment);
  const byWord = next ? firstEnd(next, segments, index + 1) : null;
  const byParameter = node.parameter ? firstEnd(node.parameter, segments, index + 1) : null;
  return byWord && byParameter ? (byWord.order < byParameter.order ? byWord : byParameter) : (byWord ?? byParameter);
}

function paramsOf({ names }: End, segments: readonly string[]): Record<string, string> {
  const params: Record<string, string> = {};
  for (const [index, name] of names.entries()) if (name !== null) params[name] = segments[index] ?? '';
  return params;
}
