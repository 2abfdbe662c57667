import { ConfigError } from '../../config/config-error.ts';

/** What is wrong with the environment that `read` reads; empty when nothing is. */
export function problemsOf(read: () => unknown): readonly string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}
