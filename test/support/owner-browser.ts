/** The browser of an account's owner: it opens links of ours, keeps their cookies, and comes back with them. */
export interface OwnerBrowser {
  /** Opens the link of an attempt to connect. Answers the provider's URL, to which it is led. */
  open(link: string): Promise<string>;
  /** One request for one of our pages, without following where it leads. */
  visit(url: string, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** As its `Cookie` header. */
  cookies(): string;
}

/** `apiUrl`: where the API listens, whatever host its public links name, as behind a proxy. */
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
