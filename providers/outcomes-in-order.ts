import { unreadableIssuesOf } from './items.ts';
import { ProviderError } from './provider-error.ts';

/** Results one after the other. What goes wrong with one alone is its result; any other failure is thrown. */
export async function inOrder<Given, Made>(
  items: readonly Given[],
  make: (item: Given, index: number) => Made | ProviderError | Promise<Made | ProviderError>,
): Promise<(Made | ProviderError)[]> {
  const results: (Made | ProviderError)[] = [];
  for (const [index, item] of items.entries())
    try {
      results.push(await make(item, index));
    } catch (error) {
      if (!(error instanceof ProviderError) || !isOfOneObject(error)) throw error;
      results.push(error);
    }
  return results;
}

/** Refused here, before any call, or unreadable. */
const isOfOneObject = (error: ProviderError): boolean =>
  unreadableIssuesOf(error) !== null || (error.details.kind === 'rejected' && error.details.httpStatus === undefined);
