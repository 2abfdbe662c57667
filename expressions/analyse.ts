import type { ExpressionAnalysis } from '../domain/mapping/mapping.ts';
import type { ResultType } from '../domain/mapping/value-type.ts';
import type { ExpressionLimits } from './limits.ts';

/** A node of JSONata's syntax tree. Its typings describe no processed tree, so that nodes are read as plain objects. */
interface Node {
  readonly type?: string;
  readonly value?: unknown;
  readonly [part: string]: unknown;
}

/**
 * The functions of an expression. Not among them: what differs from one evaluation to the next ($now, $millis, $random,
 * $shuffle), because a payload that changes by itself would be written for ever; $eval; $pad, which makes one string of
 * any size in one step; $error and $assert.
 */
const FUNCTIONS: ReadonlySet<string> = new Set(
  (
    'sum count max min average string substring substringBefore substringAfter lowercase uppercase length trim match contains ' +
    'replace split join formatNumber formatBase formatInteger parseInteger number floor ceil round abs sqrt power boolean not ' +
    'map zip filter single reduce sift keys lookup append exists spread merge reverse each type sort distinct ' +
    'encodeUrlComponent encodeUrl decodeUrlComponent decodeUrl toMillis fromMillis'
  ).split(' '),
);

/** Functions whose second argument is called. Anywhere else a function could come to call itself. */
const TAKES_A_FUNCTION: ReadonlySet<unknown> = new Set([
  'map',
  'filter',
  'single',
  'reduce',
  'sift',
  'each',
  'sort',
  'replace',
]);

/** What a tree reads and results in, or why it is refused. */
export function analyseTree(tree: unknown, limits: ExpressionLimits): ExpressionAnalysis {
  const root = tree as Node;
  const refusal = refusalOf(root, limits);
  if (refusal !== null) return { ok: false, message: refusal };
  const names = new Set<string>();
  addNames(root, names);
  return { ok: true, names: [...names], result: resultOf(root) };
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && !(value instanceof RegExp);

/** The nodes and lists of nodes directly below. */
const childrenOf = (node: Node): readonly Node[] => Object.values(node).filter(isNode);

function refusalOf(root: Node, { maxNodes, maxNesting }: ExpressionLimits): string | null {
  const waiting = [{ node: root, nesting: 1, mayBeFunction: false }];
  let count = 0;
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { node, nesting, mayBeFunction } = next;
    if (node.type !== undefined) count += 1;
    if (count > maxNodes) return `Over its limit: at most ${maxNodes} parts`;
    if (nesting > maxNesting * 2) return `Over its limit: at most ${maxNesting} levels`;
    const refusal = refusalOfNode(node, mayBeFunction);
    if (refusal !== null) return refusal;
    const callback = callbackOf(node);
    waiting.push(
      ...childrenOf(node).flatMap((child) =>
        // The list of arguments is unpacked here, so that the second one is known.
        Array.isArray(child)
          ? (child as Node[]).filter(isNode).map((item) => ({
              node: item,
              nesting: nesting + 1,
              mayBeFunction: item === callback,
            }))
          : [{ node: child, nesting: nesting + 1, mayBeFunction: child === callback || isThunk(node) }],
      ),
    );
  }
  return null;
}

/** A tail call is wrapped by the parser; the wrapper is nothing that the expression says. */
const isThunk = ({ type, thunk }: Node): boolean => type === 'lambda' && thunk === true;

function callbackOf(node: Node): unknown {
  if (node.type !== 'function') return undefined;
  const callbackAt = (node['procedure'] as Node).value === 'replace' ? 2 : 1;
  return TAKES_A_FUNCTION.has((node['procedure'] as Node).value)
    ? (node['arguments'] as readonly Node[])[callbackAt]
    : undefined;
}

function refusalOfNode(node: Node, mayBeFunction: boolean): string | null {
  switch (node.type) {
    case 'function':
    case 'partial':
      return refusalOfCall(node['procedure'] as Node);
    case 'lambda':
      return mayBeFunction || isThunk(node) ? null : 'A function can only be given to one such as $map, in its place';
    case 'transform':
      return 'The transform operator |…| is not available';
    case 'apply':
      return (node['rhs'] as Node).type === 'function' ? null : 'After ~> a function has to be called: ~> $trim()';
    default:
      return null;
  }
}

function refusalOfCall({ type, value }: Node): string | null {
  if (type === 'variable' && FUNCTIONS.has(String(value))) return null;
  return type === 'variable'
    ? `The function $${String(value).slice(0, 50)} is not available`
    : 'Only functions by their names can be called';
}

/** Names that are read from the record itself: the first step of a path, wherever the record is still the context. */
function addNames(node: Node, names: Set<string>): void {
  if (Array.isArray(node)) {
    for (const item of node as readonly unknown[]) if (isNode(item)) addNames(item, names);
    return;
  }
  if (node.type === 'name') names.add(String(node.value));
  const { steps } = node;
  if (Array.isArray(steps) && isNode(steps[0])) addNames(steps[0], names);
  for (const [part, child] of Object.entries(node)) if (!ELSEWHERE.has(part) && isNode(child)) addNames(child, names);
}

/** Parts of a node that are evaluated within what the node itself results in, and steps, of which the first is not. */
const ELSEWHERE: ReadonlySet<string> = new Set(['steps', 'predicate', 'stages', 'group']);

const RESULTS: Readonly<Record<string, ResultType>> = {
  string: 'text',
  number: 'number',
  ...named('text', '& $string $substring $substringBefore $substringAfter $lowercase $uppercase $trim $replace $join'),
  ...named('text', '$formatNumber $formatBase $formatInteger $fromMillis'),
  ...named('number', '+ - * / % $sum $count $average $length $number $floor $ceil $round $abs $sqrt $power $toMillis'),
  ...named('boolean', '= != < <= > >= in and or $contains $boolean $not $exists'),
};

function named(result: ResultType, words: string): Record<string, ResultType> {
  return Object.fromEntries(words.split(' ').map((word) => [word, result]));
}

function resultOf(node: Node): ResultType | null {
  if (node['predicate'] !== undefined || node['group'] !== undefined) return null;
  const read = RESULT_OF[node.type ?? ''];
  return read === undefined ? (RESULTS[node.type ?? ''] ?? null) : read(node);
}

const RESULT_OF: Readonly<Partial<Record<string, (node: Node) => ResultType | null>>> = {
  block(node) {
    const last = (node['expressions'] as readonly Node[]).at(-1);
    return last === undefined ? null : resultOf(last);
  },
  value: ({ value }) => (typeof value === 'boolean' ? 'boolean' : null),
  binary: ({ value }) => RESULTS[String(value)] ?? null,
  function: (node) => RESULTS[`$${String((node['procedure'] as Node).value)}`] ?? null,
};
