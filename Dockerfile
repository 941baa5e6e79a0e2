# syntax=docker/dockerfile:1

FROM rust:1.95-slim-bookworm AS build
WORKDIR /datadip
COPY . .
# The caches keep what is built of the dependencies from one build to the next.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/datadip/target \
    cargo build --release --locked --bin datadip \
 && cp target/release/datadip /usr/local/bin/datadip

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates curl \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /deployment --create-home datadip
COPY --from=build /usr/local/bin/datadip /usr/local/bin/datadip
USER datadip
WORKDIR /deployment
EXPOSE 8080
# Mount the deployment (datadip.yaml, actions/, schemas/) at /deployment. Outside of loopback the gateway wants `access`.
HEALTHCHECK --interval=10s --timeout=2s --start-period=5s \
  CMD ["curl", "--fail", "--silent", "--output", "/dev/null", "http://127.0.0.1:8080/healthz"]
ENTRYPOINT ["datadip"]
CMD ["serve", "--listen", "0.0.0.0:8080"]
