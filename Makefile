# The targets that a reader needs are demo, lab and test; README.md tells more.

# GoMLX's pure Go backend multiplies matrices ten times faster with it.
export GOEXPERIMENT = simd
# With simd, exponentials are a hundred times faster without it: internal/backend/debug.go says why.
export GODEBUG = cpu.fma=off
# A missing plugin is a message, never a download in the middle of a run.
export GOMLX_NO_AUTO_INSTALL = 1

NOTEBOOK  ?= notebooks/01_exploratory_analysis.ipynb
NOTEBOOKS ?= $(sort $(wildcard notebooks/[0-9]*.ipynb)) notebooks/cookbook.ipynb

# Ten minutes for a package, Go's own limit, is short where XLA has compiled nothing yet: hooked
# took 22.
TEST_FLAGS ?= -timeout=40m

gopherlens = bin/gopherlens
packages   = ./...

.PHONY: demo lab course test check setup notebooks build clean

# Run the first notebook in a real Jupyter kernel, on a real model.
demo: setup
	@$(gopherlens) run -o build/$(notdir $(NOTEBOOK)) $(NOTEBOOK)

# Open JupyterLab with the Go kernel; bin/gopherlens lab --help tells what LAB_FLAGS may say. gopls
# completes and explains code there; it has a folder of its own, as nobody needs it when a notebook
# is only run.
lab: setup bin/lab/gopls
	@$(gopherlens) lab $(LAB_FLAGS)

# The exercises of notebooks/ without solutions, in course/; what was done there is kept.
course: setup
	@$(gopherlens) course $(COURSE_FLAGS)

# GOPHERLENS_SETUP tells tests that what set-up installs must be there.
test: setup
	GOPHERLENS_SETUP=done go test $(TEST_FLAGS) $(packages)

# Whatever the model's tests run on pure Go, on XLA too: for the nights, as XLA compiles a program in a second.
.PHONY: test-xla
test-xla: setup
	GOPHERLENS_SETUP=done GOPHERLENS_TEST_XLA=1 go test -timeout=60m ./hooked/... -run '/xla'

# Each fuzz test of the repository for a while, one after the other; FUZZ_TIME says how long.
.PHONY: fuzz
FUZZ_TIME ?= 10m
fuzz:
	scripts/fuzz $(FUZZ_TIME) $(FUZZ_PACKAGES)

# The model's tests once more, computing in the resident worker as notebooks do.
.PHONY: test-resident
test-resident: setup
	GOPHERLENS_SETUP=done GOPHERLENS_TEST_RESIDENT=1 GOPHERLENS_BIN=$(CURDIR)/$(gopherlens) GOMLX_BACKEND=resident:go: \
		go test $(TEST_FLAGS) ./hooked/...

# A fleet on three servers and four workers, while these are killed, stopped, suspended and lied to: 200,000
# tokens, 64 prompts, a worker suspended for a minute. `make test` does a tenth of it.
.PHONY: test-fleet
test-fleet: setup
	GOPHERLENS_TEST_FLEET=whole go test -timeout=60m -v -run 'AmongFaults|FullDisk' ./hooked/fleet

# Every family's fixture on 2 and 4 devices of one CPU, cut by batch and by weights; `make test` does a part of it.
.PHONY: test-devices
test-devices: setup
	GOPHERLENS_SETUP=done GOPHERLENS_TEST_DEVICES=whole go test -timeout=90m ./hooked -run TestDevices

# In a real browser (apt-get install chromium nodejs npm): a notebook of the lab with the README's cells, the commonest
# mistakes, an interrupt, a set-up beside it that builds bin/gopherlens anew, and a restart; then every figure of the
# gallery. BROWSER_FLAGS='-shots /tmp/shots' takes pictures.
.PHONY: browser
browser: setup
	go test $(TEST_FLAGS) -tags browser ./cmd/gopherlens -run LabInBrowser -v $(BROWSER_FLAGS)
	go test $(TEST_FLAGS) -tags browser ./plots -run Browser -notebook $(CURDIR)/notebooks/00_gallery.ipynb $(BROWSER_FLAGS)

# What a change must pass before it is committed, and what continuous integration runs.
check: lint test

# staticcheck.conf says what is not looked at; go.mod which staticcheck.
.PHONY: lint
lint:
	@files=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$files" ] || { echo "run gofmt -w on:" $$files; exit 1; }
	@scripts/watch "go vet" go vet $(packages)
	@scripts/watch "staticcheck" go tool staticcheck $(packages)

# Install what is missing, and only that. SETUP_FLAGS='--plugin cuda13' adds Nvidia cards.
setup: build
	@$(gopherlens) setup $(SETUP_FLAGS)

# Run every notebook and keep the new outputs in it.
notebooks: setup
	@for notebook in $(NOTEBOOKS); do $(gopherlens) run --inplace $$notebook || exit 1; done

# Go decides by itself what is to be compiled anew; mostly nothing. The commit is left out
# of the program: each new one would make it another build, and end the workers of open notebooks.
build:
	@scripts/watch "building bin/gopherlens" go build -buildvcs=false -o $(gopherlens) ./cmd/gopherlens

bin/lab/gopls:
	@echo "gopls, for completion in notebooks"
	@GOBIN=$(CURDIR)/bin/lab scripts/watch "building bin/lab/gopls" go install golang.org/x/tools/gopls@v0.21.1

# Compare speed and memory with TransformerLens: bench/RESULTS.md. It takes a
# quarter of an hour and more; BENCH_FLAGS=-part=10 lets TransformerLens compute a
# tenth of its sweeps, which cost the same in every layer. A harvest and a dictionary's training are
# compared with SAELens, which is in golden's environment: bench/HARVEST.md and bench/DICTIONARY.md.
.PHONY: bench
bench: setup build/bench/bin/transformers build/golden/ready
	go run ./bench/model $(BENCH_FLAGS) build/bench/bin/python
	go run ./bench/harvest -runs 3 -tokens 32768 build/golden/bin/python
	go run ./bench/dictionary build/golden/bin/python

# How time and memory grow with tokens, rows, models, prompts and processes, beside TransformerLens: bench/SCALE.md
# and the curves beside it. It takes most of an hour.
.PHONY: bench-scale
bench-scale: setup build/bench/bin/transformers
	go run ./bench/scale $(SCALE_FLAGS) build/bench/bin/python

build/bench/bin/transformers: bench/model/requirements.txt
	@python3 -m venv build/bench
	@scripts/watch "PyTorch and TransformerLens" build/bench/bin/pip install -q -r $<
	@touch $@

# TransformerLens 2, 4 and nnsight by turns with ours: bench/PEERS.md. Half an hour, or a quarter with
# BENCH_FLAGS=-part=10; each environment takes 7 GB once.
.PHONY: bench-peers
bench-peers: setup build/bench/bin/transformers build/bench-tl4/bin/transformers build/bench-nnsight/bin/transformers
	go run ./bench/model $(BENCH_FLAGS) -tl4 build/bench-tl4/bin/python -nnsight build/bench-nnsight/bin/python build/bench/bin/python

build/bench-%/bin/transformers: bench/model/requirements-%.txt
	@python3 -m venv build/bench-$*
	@scripts/watch "PyTorch and $*" build/bench-$*/bin/pip install -q -r $<
	@touch $@

# Modular addition learnt by heart, and then understood: p = 113, within an hour on 2 cores. Stopped, it
# goes on where it was; the curve is in build/grokking.
.PHONY: grokking
grokking: setup
	@mkdir -p build/grokking
	go run ./hooked/train/internal/grokking -folder build/grokking/run -csv build/grokking/curve.csv -svg build/grokking/curve.svg $(GROKKING_FLAGS)

# The course's trained models that are not committed, into the user's cache; MODELS names some. With
# MODELS_FLAGS='-into DIR' they are trained anew, committed or not.
.PHONY: course-models
course-models: setup
	go run ./notebooks/models/make $(MODELS_FLAGS) $(MODELS)

# A sparse dictionary of SmolLM2-135M's residual stream, fitted to a million tokens of the Brown corpus, and how
# good it is: half an hour on 2 quiet cores. Stopped, it goes on where it was; it stays in the user's cache, in
# dictionaries/brown-resid_post-12/dictionary.
.PHONY: dictionary
dictionary: setup
	$(gopherlens) corpus fetch brown
	go run ./hooked/dictionary/fit/internal/brown dictionary $(DICTIONARY_FLAGS)

# A transcoder for the MLP of each of its layers, for attribution graphs: the user's cache has them in
# dictionaries/brown-transcoders/set, as circuit-tracer reads them. An hour and more on 2 quiet cores.
.PHONY: transcoders
transcoders: setup
	$(gopherlens) corpus fetch brown
	go run ./hooked/dictionary/fit/internal/brown transcoders $(TRANSCODERS_FLAGS)

# What TransformerLens and Hugging Face compute for a tiny model of one family, for tests to
# compare with: internal/golden/gen/README.md. It installs 7 GB of Python once.
.PHONY: golden
OUT ?= build/fixtures
golden: build/golden/ready
	build/golden/bin/python internal/golden/gen/make.py --family "$(FAMILY)" "$(OUT)"

# What Model.Save has written, loaded into TransformerLens itself; and control vectors into Python's gguf.
.PHONY: check-saved
check-saved: build/golden/ready
	GOPHERLENS_GOLDEN_PYTHON=$(abspath build/golden/bin/python) go test ./hooked ./hooked/steer -run 'SavedIn(TransformerLens|Python)' -v

build/golden/ready: internal/golden/gen/requirements.txt
	@python3 -m venv build/golden
	@scripts/watch "PyTorch, TransformerLens and SAELens" build/golden/bin/pip install -q --no-deps -r $<
	@touch $@

# build/gpu-check.tar.gz: all that checks and measures XLA on a machine with a GPU, and without Go or a
# network; scripts/gpu-check tells how it is used.
.PHONY: gpu-check
gpu-check:
	@scripts/gpu-bundle build/gpu-check

# That the module can be published under another path: renamed, built, packed, imported from outside.
# Two minutes on two quiet cores; ten on busy ones, as every package is compiled anew.
.PHONY: check-module
check-module: setup
	@scripts/check-module $(MODULE)

# Remove what was built here. The user's cache keeps the model and the plugin.
clean:
	rm -rf bin build .venv
