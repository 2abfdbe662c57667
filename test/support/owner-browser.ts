/** The browser of an account's owner: opens our links, keeps their cookies, and returns with them. */
export interface OwnerBrowser {
  /** Opens the link of an attempt to connect and returns the provider's URL to which it redirects. */
  open(link: string): Promise<string>;
  /** Requests one of our pages without following redirects. */
  visit(url: string, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** The cookies as a `Cookie` header. */
  cookies(): string;
}

/** `apiUrl`: the API's own address, which may differ from the host of its public links, as behind a proxy. */
export function ownerBrowser(apiUrl: () => string): OwnerBrowser {
  const cookies = new Map<string, string>();
  const all = (): string => [...cookies.values()].join('; ');
  async function visit(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    const { pathname, search } = new URL(url);
    const response = await fetch(`${apiUrl()}${pathname}${search}`, {
      redirect: 'manual',
      headers: { accept: 'text/html', 'sec-fetch-dest': 'document', ...headers, cookie: all() },
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [pair = ''] = cookie.split(';');
      cookies.set(pair.split('=', 1)[0] ?? '', pair);
    }
    return response;
  }
  return {
    visit,
    cookies: all,
    async open(link) {
      const response = await visit(link);
      const location = response.headers.get('location');
      if (response.status !== 303 || location === null)
        throw new Error(`the link answered ${response.status}: ${await response.text()}`);
      return location;
    },
  };
}
