# syntax=docker/dockerfile:1

# Dependencies are built in a layer of their own, so that a change of our code does not build them again.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /datadip
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
RUN mkdir -p src benches/compare benches \
 && echo 'fn main() {}' > src/main.rs && touch src/lib.rs \
 && sed -i '/^\[\[bench\]\]/,$d' Cargo.toml \
 && cargo build --release --locked \
 && rm -rf src
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY docs docs
COPY benches benches
RUN touch src/main.rs src/lib.rs && cargo build --release --locked --bin datadip

FROM debian:bookworm-slim AS run
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates curl \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /deployment --create-home datadip
COPY --from=build /datadip/target/release/datadip /usr/local/bin/datadip
USER datadip
WORKDIR /deployment
EXPOSE 8080
# Mount the deployment (datadip.yaml, actions/, schemas/) at /deployment. Outside of loopback the gateway wants `access`.
HEALTHCHECK --interval=10s --timeout=2s --start-period=5s \
  CMD ["curl", "--fail", "--silent", "--output", "/dev/null", "http://127.0.0.1:8080/healthz"]
ENTRYPOINT ["datadip"]
CMD ["serve", "--listen", "0.0.0.0:8080"]
