import type { ExpressionAnalysis, ExpressionResult } from '../domain/mapping/mapping.ts';
import type { ExpressionLimits } from './limits.ts';

/** What a thread is started with. `progress` holds the number of the input that is being evaluated, from one on. */
export interface ThreadData {
  readonly limits: ExpressionLimits;
  readonly progress: Int32Array<SharedArrayBuffer>;
}

export interface EvaluateRequest {
  readonly expressions: readonly string[];
  readonly inputs: readonly unknown[];
}

export type ThreadRequest = EvaluateRequest | { readonly analyse: readonly string[] };

export type ThreadAnswer =
  | { readonly ready: true }
  | { readonly analyses: readonly ExpressionAnalysis[] }
  /** For each input, one result for each expression. */
  | { readonly results: readonly (readonly ExpressionResult[])[] };
