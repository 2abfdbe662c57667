/** The description of the token in the OpenAPI document and in docs/using-the-api.md. A test compares the two. */
export const AUTHENTICATION = `Send \`Authorization: Bearer <JWT>\`. The token is signed with HS256 under \`JWT_SECRET\`, or with a key of the set at \`JWT_JWKS_URL\` (RS, PS or ES 256 to 512, or EdDSA), whichever the service is set up with. Its claims:

| claim | what |
| --- | --- |
| \`sub\` | who calls, 1–255 characters: the audit trail and rate limits go by it, and idempotency keys by it together with \`role\` and reach |
| \`exp\` | when the token ends, in seconds since 1970; required |
| \`role\` | \`viewer\` reads; \`operator\` also writes records, starts, cancels, approves and retries; \`admin\` also makes and changes venues, connects, disconnects and rotates keys |
| \`venues\` | the ids of the venues that it reaches, or \`"*"\` for all; anything of another venue answers 404 |
| \`iss\`, \`aud\` | only where \`JWT_ISSUER\` and \`JWT_AUDIENCE\` are set: then they must be equal to them |

No token, or a bad one, answers 401; a role that is too low, 403. On the machine that runs the service, \`npm run -s interlock -- token --role operator --venue <id>\` prints a token. Elsewhere any JWT library makes one from the secret: a header \`{"alg": "HS256"}\` and a payload \`{"sub": "till-3", "role": "operator", "venues": ["<id>"], "exp": 1795860000}\`.`;

export const DESCRIPTION = `Keeps a venue’s records in step with the services it sells, bills and writes through.

A venue’s backend loads records, connects a provider, and starts syncs. From making a venue to its second push, request by request: \`docs/using-the-api.md\`.

## Authentication

${AUTHENTICATION}

## Conventions

- JSON in \`camelCase\`. Times are ISO 8601 in UTC, days \`YYYY-MM-DD\` in the venue’s time zone, money integers in minor units beside an ISO 4217 code, quantities decimal strings.
- Unknown fields and query parameters are refused by name. Fields may be added to answers.
- Lists take \`limit\` and \`cursor\` and answer \`{data, nextCursor}\`; \`nextCursor\` is null on the last page.
- What is wrong is told as problem details (RFC 9457) with a stable \`code\`: the page \`/docs/errors\` says what each means and what to do. \`errors\` lists every wrong field at once.
- Repeat a request whose answer was lost with the same \`Idempotency-Key\`; after 429 and 503 wait for \`Retry-After\`.`;
