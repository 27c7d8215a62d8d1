# syntax=docker/dockerfile:1
FROM node:22-bookworm-slim AS build
WORKDIR /build
COPY . .
RUN npm ci --include=dev --no-audit --no-fund \
 && npm run build \
 && mkdir /packed \
 && npm pack --workspaces --pack-destination /packed

FROM node:22-bookworm-slim
ENV NODE_ENV=production \
    POSTHORN_HOST=0.0.0.0 \
    POSTHORN_DATA_DIR=/data
WORKDIR /app
COPY --from=build /packed /packed
RUN npm install --omit=dev --no-audit --no-fund --cache /packed/cache /packed/*.tgz \
 && rm -rf /packed \
 && mkdir /data \
 && chown node:node /data
USER node
VOLUME /data
EXPOSE 8400
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.POSTHORN_PORT || 8400) + '/readyz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Signals reach the server itself; requests in flight have 25 s to end.
STOPSIGNAL SIGTERM
CMD ["node", "--max-semi-space-size=16", "--no-allocation-site-pretenuring", "node_modules/@posthorn/server/dist/main.js"]
