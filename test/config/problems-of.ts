import { ConfigError } from '../../config/config-error.ts';

/** The problems of the environment that `read` reads; empty when there are none. */
export function problemsOf(read: () => unknown): readonly string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}
