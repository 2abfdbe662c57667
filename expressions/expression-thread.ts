import { parentPort, workerData } from 'node:worker_threads';
import { Evaluator } from './evaluator.ts';
import type { ExpressionResult } from '../domain/mapping/mapping.ts';
import type { ThreadAnswer, ThreadData, ThreadRequest } from './protocol.ts';

// Body of the thread that `createExpressions` starts. It gets no environment, and its host ends it when it hangs.
const { limits, progress } = workerData as ThreadData;
const evaluator = new Evaluator(limits);
const port = parentPort;
if (!port) throw new Error('this file is started as a thread');
port.on('message', (request: ThreadRequest) => {
  void answer(request).then((answered) => {
    port.postMessage(answered);
  });
});
port.postMessage({ ready: true } satisfies ThreadAnswer);

async function answer(request: ThreadRequest): Promise<ThreadAnswer> {
  if ('analyse' in request) return { analyses: request.analyse.map((text) => evaluator.analyse(text)) };
  const untilMs = performance.now() + limits.batchTimeoutMs;
  const results: ExpressionResult[][] = [];
  for (const [index, input] of request.inputs.entries()) {
    Atomics.store(progress, 0, index + 1);
    const ofInput: ExpressionResult[] = [];
    for (const text of request.expressions)
      ofInput.push(performance.now() > untilMs ? TOO_SLOW : await evaluator.evaluate(text, input));
    results.push(ofInput);
  }
  return { results };
}

const TOO_SLOW: ExpressionResult = {
  ok: false,
  message: 'The expressions of the mapping took too long together.',
};
