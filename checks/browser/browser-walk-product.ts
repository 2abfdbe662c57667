import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Stands in for the product in which a venue starts to connect. */
export interface Product {
  /** Its return URL. */
  readonly returnUrl: string;
  readonly stop: () => Promise<void>;
}

export const PRODUCT_TITLE = 'Integrations of my venue';

const PAGE = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${PRODUCT_TITLE}</title></head>
<body><h1>${PRODUCT_TITLE}</h1></body>
</html>
`;

export async function startProduct(): Promise<Product> {
  const server = createServer((req, res) => {
    const known = req.url?.startsWith('/integrations') === true;
    res.writeHead(known ? 200 : 404, { 'content-type': 'text/html; charset=utf-8' }).end(known ? PAGE : '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    returnUrl: `http://127.0.0.1:${port}/integrations`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
