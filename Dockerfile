# The lab of `gopherlens lab`, set up by the same `make setup`, and on processors of another kind than
# x86-64 too. To build and start it: docker compose up
#
# Both images have a tag that moves. To pin them to what it stands for today, give their digests:
#   docker buildx imagetools inspect golang:1.26-trixie
#   docker compose build --build-arg GO_IMAGE=golang:1.26-trixie@sha256:... --build-arg BASE_IMAGE=debian:trixie-slim@sha256:...
ARG GO_IMAGE=golang:1.26-trixie
ARG BASE_IMAGE=debian:trixie-slim

# What builds: a C compiler for XLA, git for a patch of the kernel.
FROM ${GO_IMAGE} AS build

# Versions are Debian's of the image's day: a release changes only what must change.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --no-install-recommends --yes gcc git libc6-dev make python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*

# Whoever the container runs as is in the group root, and may write where that may: so the lab runs
# as any user of the host.
ENV HOME=/home/gopher GOPATH=/home/gopher/go
WORKDIR /home/gopher/gopherlens

# What is downloaded depends on few files; a change elsewhere keeps this layer.
COPY go.mod go.sum ./
RUN go mod download

COPY . .
ARG SETUP_FLAGS=
RUN make setup bin/lab/gopls SETUP_FLAGS="$SETUP_FLAGS" \
    && scripts/container-trim

# What runs: Go, as each cell is compiled, Python, and what was set up.
# hadolint ignore=DL3006
FROM ${BASE_IMAGE}

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --no-install-recommends --yes ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/*

COPY --from=build /usr/local/go /usr/local/go
COPY --from=build --chown=1000:0 /home/gopher /home/gopher

ENV HOME=/home/gopher GOPATH=/home/gopher/go PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
WORKDIR /home/gopher/gopherlens
USER 1000:0

EXPOSE 8888
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD [".venv/bin/python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8888/api', timeout=4)"]

# A set-up finds what is there, and brings what a volume of an older image lacks. Jupyter asks for the
# token that it prints, or for $JUPYTER_TOKEN.
CMD ["sh", "-c", "bin/gopherlens setup && exec bin/gopherlens lab --host 0.0.0.0 --port 8888 --no-browser"]
