/**
 * Limits of one expression. JSONata 2.2.2 limits depth, time and sequences itself, but only between two steps of an
 * evaluation (https://github.com/jsonata-js/jsonata/pull/800 and later, read 2026-11-28): a regular expression that
 * backtracks, or one large string, is one step. `killAfterMs` ends the thread in that case.
 */
export interface ExpressionLimits {
  /** Characters of an expression. */
  readonly maxLength: number;
  /** Nodes of its syntax tree, and how deep they nest. */
  readonly maxNodes: number;
  readonly maxNesting: number;
  /** Of the evaluation's own recursion. */
  readonly maxDepth: number;
  /** Items of a list that an evaluation makes. */
  readonly maxItems: number;
  /** Characters of a string that an evaluation makes. */
  readonly maxText: number;
  /** Values within a result, and how deep they nest. */
  readonly maxResultValues: number;
  readonly maxResultDepth: number;
  /** Time for one evaluation, and for all evaluations of one request together. */
  readonly timeoutMs: number;
  readonly batchTimeoutMs: number;
  /** Time without progress after which the thread is ended. Above `timeoutMs`, which ends an evaluation in good order. */
  readonly killAfterMs: number;
  /** How often that may happen within a request before the rest of it fails. */
  readonly maxKills: number;
  /** Heap of the thread. */
  readonly heapMb: number;
}

export const EXPRESSION_LIMITS: ExpressionLimits = {
  maxLength: 2_000,
  maxNodes: 300,
  maxNesting: 40,
  maxDepth: 200,
  maxItems: 1_000,
  maxText: 50_000,
  maxResultValues: 1_000,
  maxResultDepth: 8,
  timeoutMs: 250,
  batchTimeoutMs: 5_000,
  killAfterMs: 1_500,
  maxKills: 2,
  heapMb: 48,
};
