# The lab of `make lab`, set up by the same `make setup`. To build and start it:
# docker compose up
FROM golang:1.26-trixie

RUN apt-get update \
    && apt-get install --no-install-recommends --yes make python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*

# Notebooks can run any program: they should not do it as root. The folders are
# made here so that they, and the volume mounted on one, belong to the user.
RUN useradd --create-home --uid 1000 gopher \
    && install --directory --owner=gopher --group=gopher \
        /home/gopher/gopherlens /home/gopher/.cache /home/gopher/.cache/huggingface
USER gopher
WORKDIR /home/gopher/gopherlens
ENV GOPATH=/home/gopher/go

# What the set-up downloads depends on few files; a change elsewhere keeps this layer.
COPY --chown=gopher go.mod go.sum ./
RUN go mod download

COPY --chown=gopher . .
ARG SETUP_FLAGS=
RUN make setup bin/lab/gopls SETUP_FLAGS="$SETUP_FLAGS"

EXPOSE 8888
# Jupyter asks for the token that it prints, or for $JUPYTER_TOKEN.
CMD ["make", "lab", "LAB_FLAGS=--host 0.0.0.0 --no-browser"]
