# make course   set up, fetch the data, run every notebook, end with a table
# make test     set up, fetch the data, run the fast tests, check every notebook
# make lab      set up, open JupyterLab on notebook 00
# make help     the other targets
# Where there is no make: python course.py setup, run, test, lab, clean.

# The Python of the environment that is there; PYTHON=python3.12 asks for another.
PYTHON ?= $(shell test -f .venv/.ready && .venv/bin/python -c "" 2>/dev/null && echo .venv/bin/python || echo python3)
PYTHON313 ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.13*/bin/python) python3.13)
NB ?=
BIN = .venv/bin
COURSE = $(PYTHON) course.py
# After the setup nothing needs a network; this makes sure that nothing uses one.
OFFLINE = COURSE_NO_DOWNLOAD=1 HF_HUB_OFFLINE=1
LOCK = build/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--only-binary :all: --no-annotate --no-header --no-emit-index-url
# What PyTorch asks for with a GPU, and the CPU build does not.
CUDA = cuda-bindings cuda-toolkit nvidia-cudnn-cu13 nvidia-cusparselt-cu13 nvidia-nccl-cu13 \
	nvidia-nvshmem-cu13 triton
FAST = tests/models tests/decoding tests/data tests/test_training.py tests/test_metrics.py
TRY = $(OFFLINE) $(1) -m pytest -q $(FAST); tests=$$?; \
	$(OFFLINE) $(1) -m tools.run_course 02 05 08 && exit $$tests

.PHONY: help setup ready data course test lab clean torch wheelhouse refresh sync deck lint colab \
	checkpoints backends lock everywhere avx2 one-core python3.13 address onnx site site-test

help:
	@echo "make course          run every notebook into build/ and print a table (NB='01 02': these)"
	@echo "make test            fast tests, then nbval over every notebook (NB='01 02': these)"
	@echo "make lab             open JupyterLab on 00_start_here"
	@echo "make clean           remove .venv and build/; the data stay"
	@echo "make torch           add PyTorch, for what says that it needs it"
	@echo "make onnx MODEL=folder   add model.onnx to a kept model (without MODEL: test it)"
	@echo "make wheelhouse      collect packages and data for a classroom without a network"
	@echo "make refresh NB=01   run a notebook in place and store its outputs and result"
	@echo "make sync            regenerate tables, badges and first cells from their sources"
	@echo "make deck            write the theory cards as an Anki deck into build/"
	@echo "make lint            ruff over code and notebooks"
	@echo "make lock            renew the locks after a change in a requirements file"
	@echo "make colab           run the notebooks of the last commit on Colab's versions"
	@echo "make checkpoints NB=02  train the weights that a lesson loads again (an hour)"
	@echo "make backends        run 01 to 03 (small settings) and GPT-2's tests under JAX and PyTorch"
	@echo "make address URL=https://github.com/ann/nlp   set the address of the repository"
	@echo "make site            build the web site into build/site; it needs node and npm"
	@echo "make site-test       test it in a browser"
	@echo "make everywhere      02, 05, 08 and fast tests: AVX2 only, one core, Python 3.13"

setup:
	@$(COURSE) setup

ready:
	@$(COURSE) ready

data: ready
	$(BIN)/python -m utils.data

course:
	@$(COURSE) run $(NB)

test:
	@$(COURSE) test $(NB)

lab:
	@$(COURSE) lab

clean:
	@$(COURSE) clean

torch:
	@$(COURSE) setup torch

wheelhouse: ready
	$(BIN)/python -m tools.wheelhouse wheelhouse

refresh: data
	$(OFFLINE) $(BIN)/python -m tools.refresh $(NB)

sync: ready
	$(BIN)/python -m tools.sync

address: ready
	$(BIN)/python -m tools.sync "$(URL)"

deck: ready
	$(BIN)/python -m tools.deck

lint: ready
	$(BIN)/python -m ruff check . && \
	$(BIN)/python -m ruff format --check course.py utils tools tests benchmarks

lock:
	$(PYTHON) -m venv build/uv && build/uv/bin/python -m pip install --quiet uv
	printf '%s\n' $(CUDA) > build/cuda.txt
	$(LOCK) requirements.txt -o requirements.lock
	$(LOCK) requirements-jax.txt -c requirements.lock -o requirements-jax.lock
	$(LOCK) requirements-torch.txt -c requirements.lock --excludes build/cuda.txt \
	--no-emit-package torch -o requirements-torch.lock
	$(LOCK) requirements-onnx.txt -c requirements.lock -o requirements-onnx.lock
	$(LOCK) requirements-site.txt -c requirements.lock -o requirements-site.lock
	npm install --package-lock-only --omit-lockfile-registry-resolved

build/colab/.ready: requirements-colab.txt
	$(PYTHON313) -m venv --clear build/colab
	build/colab/bin/python -m pip install --quiet -r requirements-colab.txt
	build/colab/bin/python -c "import keras, nbclient, spacy, tensorflow, transformers"
	touch $@

# What a notebook has installed before is taken out again: Colab forgets it, too. The notebooks run
# in a clone, as Colab's do: without what is not committed.
colab: build/colab/.ready
	build/colab/bin/python -m pip uninstall --quiet --yes \
	$$(sed -n 's/==.*//p' requirements.txt | grep -vxF "$$(sed -n 's/==.*//p' requirements-colab.txt)") \
	2> /dev/null
	rm -rf build/colab/course && git clone --quiet . build/colab/course
	cd build/colab/course && PYDEVD_DISABLE_FILE_VALIDATION=1 ../bin/python -m tools.run_course $(NB)

checkpoints: data
	$(OFFLINE) $(BIN)/python -m tools.checkpoints $(NB)

backends:
	@$(COURSE) ready jax torch
	$(BIN)/python -m utils.data
	$(OFFLINE) $(BIN)/python -m tools.backends jax $(NB)
	$(OFFLINE) $(BIN)/python -m tools.backends torch $(NB)
	$(OFFLINE) KERAS_BACKEND=jax $(BIN)/python -m pytest -q tests/models/test_gpt2*.py tests/decoding/test_sampling.py
	$(OFFLINE) KERAS_BACKEND=torch $(BIN)/python -m pytest -q tests/models/test_gpt2*.py tests/decoding/test_sampling.py

# The fast tests of models and data, and the notebooks that train longest, on other machines.
everywhere: data
	$(MAKE) --keep-going avx2 one-core python3.13

avx2:
	@case $$(uname -m) in x86_64|amd64) ;; *) echo "$@: skipped, no x86 processor"; exit;; esac; \
	export ONEDNN_MAX_CPU_ISA=AVX2 XLA_FLAGS=--xla_cpu_max_isa=AVX2; $(call TRY,$(BIN)/python)

one-core:
	@command -v taskset > /dev/null || { echo "$@: skipped, no taskset (of util-linux)"; exit; }; \
	$(call TRY,taskset -c 0 $(BIN)/python)

python3.13:
	@$(PYTHON313) --version || { echo "$@: skipped, no Python 3.13; PYTHON313= names one"; exit; }; \
	$(PYTHON313) -c "import course; course.set_up(course.BUILD / 'python3.13')" || exit; \
	$(call TRY,build/python3.13/bin/python)

# tf2onnx installs folders called tests and tools: it gets an environment that sees the course's.
ONNX = build/onnx
SITE = import sysconfig; print(sysconfig.get_path('purelib'), end='')

.venv/.ready: | ready ;

$(ONNX)/.ready: .venv/.ready requirements-onnx.lock
	$(BIN)/python -m venv --clear $(ONNX)
	$(BIN)/python -c "$(SITE)" > "$$($(ONNX)/bin/python -c "$(SITE)")/course.pth"
	$(ONNX)/bin/python -m pip install --quiet --require-hashes --only-binary :all: \
	-r requirements-onnx.lock
	touch $@

onnx: $(ONNX)/.ready
ifdef MODEL
	@TF_CPP_MIN_LOG_LEVEL=3 $(ONNX)/bin/python -m utils.models.export "$(MODEL)"
else
	$(OFFLINE) $(ONNX)/bin/python -m pytest -q tests/models/test_fresh_process.py
endif

# The web site, from the stored outputs: nothing is run. Its environment is its own.
VENV = build/site-venv

$(VENV)/.ready: requirements-site.lock
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --require-hashes --only-binary :all: \
	-r requirements-site.lock
	touch $@

node_modules/.package-lock.json: package-lock.json
	npm ci --ignore-scripts --no-audit --no-fund
	touch $@

# The live models, where the site has some.
LIVE = $(patsubst tools/export_live.py,build/site-vendor/live/.ready,$(wildcard tools/export_live.py))

build/site-vendor/live/.ready: tools/export_live.py package-lock.json | $(ONNX)/.ready node_modules/.package-lock.json
	$(BIN)/python -m utils.data
	$(OFFLINE) $(ONNX)/bin/python -m tools.export_live $(@D)
	touch $@

# The same commit gives the same pages, to the byte.
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2> /dev/null || echo 1767225600)

site: $(VENV)/.ready node_modules/.package-lock.json $(LIVE)
	$(VENV)/bin/python -m tools.site

NEEDED = chromium nodejs npm

site-test:
	@missing=; command -v node > /dev/null || missing="$$missing node"; \
	command -v npm > /dev/null || missing="$$missing npm"; \
	command -v "$${CHROMIUM:-chromium}" > /dev/null || command -v chromium-browser > /dev/null \
	|| command -v google-chrome > /dev/null \
	|| missing="$$missing chromium"; test -z "$$missing" && exit; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then echo "Installing$$missing"; \
	apt-get update -qq && apt-get install -y -qq --no-install-recommends $(NEEDED) > /dev/null; \
	else echo "site-test needs$$missing; as root: apt-get install $(NEEDED)"; exit 2; fi
	@$(MAKE) --no-print-directory site
	$(VENV)/bin/python -m tools.site build/site-again
	diff -r build/site build/site-again && rm -r build/site-again
	if [ -f tests/site/make_models.py ]; then \
	$(OFFLINE) $(ONNX)/bin/python tests/site/make_models.py build/live; fi
	timeout 600 node_modules/.bin/playwright test --config tests/site/playwright.config.mjs
