import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import helmet from 'helmet';

/** Notes the headers that are set, spelled as they are. */
class HeaderList extends ServerResponse {
  readonly list: [string, string][] = [];
  override setHeader(name: string, value: number | string | readonly string[]): this {
    this.list.push([name, String(value)]);
    return this;
  }
}

/**
 * Headers of every answer that is not a page: browsers do not render them. Helmet is asked once, because it says the
 * same each time, and would set them in twelve middlewares for each request.
 */
export function commonHeaders(developmentKeyring: boolean): readonly (readonly [string, string])[] {
  const request = new IncomingMessage(new Socket());
  const headers = new HeaderList(request);
  helmet({
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    referrerPolicy: { policy: 'no-referrer' },
  })(request, headers, (error: unknown) => {
    if (error !== undefined) throw new Error('Helmet could not set its headers', { cause: error });
  });
  if (developmentKeyring) headers.setHeader('Interlock-Warning', 'development-keyring');
  return headers.list;
}
