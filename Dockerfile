# The worker's image: Node and one file.
#
#   docker build -t fib-worker .
#   docker run --rm fib-worker --help
#
# Works with BuildKit and with the older builder.

# Any image with Node 20 or later and npm; both stages use it. Pin it by digest for images that are the same in a year.
ARG NODE_IMAGE=node:24-trixie-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
# The module whose default export is served, a path in this folder; without one, Fibonacci's.
ARG FUNCTION=
RUN node build.mjs && \
    if [ -n "$FUNCTION" ]; then node dist/modules/fib-worker.js build "$FUNCTION" --outfile dist/worker.js; fi
# Times that don't depend on when it was built: the same sources then make the same layer.
RUN install -D -m 444 dist/worker.js image/app/worker.js && find image -exec touch -d @0 {} +

FROM ${NODE_IMAGE}
ARG NODE_IMAGE
# The commit it is built from: --build-arg REVISION=$(git rev-parse HEAD)
ARG REVISION=
LABEL org.opencontainers.image.title="fib-worker" \
      org.opencontainers.image.description="Answers requests on a RabbitMQ queue" \
      org.opencontainers.image.version="0.2.0" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="${NODE_IMAGE}"
COPY --from=build /build/image/ /
WORKDIR /app
# A number, so that Kubernetes can see that it is not root. It owns nothing, and the worker writes no file.
USER 1000:1000
# Exec form, so that node is process 1 and gets SIGTERM itself; it starts no processes that somebody would have to reap.
ENTRYPOINT ["node", "worker.js"]
# Asks the running worker, not the broker.
HEALTHCHECK --interval=30s --timeout=10s --start-period=15s --retries=3 CMD ["node", "worker.js", "--check"]
