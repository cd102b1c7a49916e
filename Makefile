# make course   set up, fetch the data, run every notebook, end with a table
# make test     set up, fetch the data, run the fast tests, check every notebook
# make lab      set up, open JupyterLab on notebook 00
# make help     the other targets

PYTHON ?= python3
NB ?=
BIN = .venv/bin
# PyTorch's own index: Linux without a GPU gets the small CPU build from it.
# TORCH_INDEX= (empty) takes torch from the index that pip is set to.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
# After the setup nothing needs a network; this makes sure that nothing uses one.
OFFLINE = COURSE_NO_DOWNLOAD=1 HF_HUB_OFFLINE=1

.PHONY: help setup data course test lab torch wheelhouse refresh sync deck lint colab backends

help:
	@echo "make course          run every notebook into build/ and print a table (NB=01: one)"
	@echo "make test            fast tests, then nbval over every notebook (NB=01: one)"
	@echo "make lab             open JupyterLab on 00_start_here"
	@echo "make torch           add PyTorch and a small language model, for what says it needs them"
	@echo "make wheelhouse      collect packages and data for a classroom without a network"
	@echo "make refresh NB=01   run a notebook in place and store its outputs and result"
	@echo "make sync            regenerate tables, badges and first cells from their sources"
	@echo "make deck            write the theory cards as an Anki deck into build/"
	@echo "make lint            ruff over code and notebooks"
	@echo "make colab           run the notebooks on Colab's versions, as Colab would"
	@echo "make backends        run 01 to 03 (small settings) and GPT-2's tests under JAX and PyTorch"

setup: .venv/.ready

.venv/.ready: requirements.txt requirements.lock
	@$(PYTHON) -c "import sys; ok = (3, 11) <= sys.version_info < (3, 14); \
	sys.exit(0 if ok else 'Python %d.%d is not supported: use 3.11, 3.12 or 3.13, for example make PYTHON=python3.12' % sys.version_info[:2])"
	@echo "Setting up .venv and installing the pinned requirements"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -r requirements.txt -c requirements.lock
	@touch $@

data: setup
	$(BIN)/python -m utils.data

course: data
	$(OFFLINE) $(BIN)/python -m tools.run_course $(NB)

test: data
	$(OFFLINE) $(BIN)/python -m pytest -q tests utils
	$(OFFLINE) $(BIN)/python -m pytest -q --nbval --durations=5 $(wildcard notebooks/$(NB)*.ipynb notebooks/solutions/$(NB)*.ipynb)

lab: data
	cd notebooks && ../$(BIN)/jupyter lab 00_start_here.ipynb

torch: setup
	$(BIN)/python -m pip install --quiet -r requirements-torch.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
	$(BIN)/python -m utils.data smollm2-135m

wheelhouse: setup
	$(BIN)/python -m tools.wheelhouse wheelhouse

refresh: data
	$(OFFLINE) $(BIN)/python -m tools.refresh $(NB)

sync: setup
	$(BIN)/python -m tools.sync

deck: setup
	$(BIN)/python -m tools.deck

lint: setup
	$(BIN)/ruff check . && $(BIN)/ruff format --check utils tools tests benchmarks

colab:
	$(PYTHON) tools/colab.py $(NB)

backends: data
	$(BIN)/python -m pip install --quiet -r requirements-backends.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
	$(OFFLINE) $(BIN)/python -m tools.backends jax $(NB)
	$(OFFLINE) $(BIN)/python -m tools.backends torch $(NB)
	$(OFFLINE) KERAS_BACKEND=jax $(BIN)/python -m pytest -q tests/test_gpt2.py tests/test_decoding.py
	$(OFFLINE) KERAS_BACKEND=torch $(BIN)/python -m pytest -q tests/test_gpt2.py tests/test_decoding.py
