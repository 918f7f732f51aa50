# The image of all services. The first argument names the program: `docker run q2-platform tenant-manager`.
#   docker build --tag q2-platform:0.1.0 .
# The same layers without a container engine: node .scripts/image.mjs build q2-platform.tar q2-platform:0.1.0
FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
COPY libs ./libs
COPY services ./services
COPY e2e ./e2e
COPY proto ./proto
COPY .scripts ./.scripts
COPY buf.gen.yaml buf.yaml nx.json project.json tsconfig.base.json tsconfig.json ./
RUN node .scripts/q2.mjs prepare && node .scripts/image.mjs layers /layers

FROM scratch
COPY --from=build /layers/base /
COPY --from=build /layers/node /
COPY --from=build /layers/packages /
COPY --from=build /layers/services /
COPY --from=build /layers/version /
ENV PATH=/usr/bin NODE_ENV=production HOME=/home/q2 SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
WORKDIR /app
USER 65532:65532
ENTRYPOINT ["/usr/bin/node", "/app/q2.mjs"]
