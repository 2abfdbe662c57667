/** Rejects when the work takes longer than the limit. */
export async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(reject, limitMs, new Error('not in time'));
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
