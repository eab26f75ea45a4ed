PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PYTEST = $(BIN)/pytest --numprocesses auto --maxprocesses 12 --dist loadfile --no-loadscope-reorder

.PHONY: up test coverage compose-test lint lock image-sizes bench soak packages

up: $(VENV)/.installed
	@$(BIN)/moggy up

# The tests of one file, which may share a server, run in one process. tests/conftest.py says how many
# processes there are, and in which order the files are distributed.
test: $(VENV)/.test-installed packages lint
	$(PYTEST)

# Measuring the coverage takes the tests half as long again.
coverage: $(VENV)/.test-installed packages
	$(PYTEST) --cov=app --cov=worker --cov=models --cov-report=term:skip-covered

# Builds the images and runs the compose file in a Docker engine: docker's, or the one that a script
# runs (make compose-test ENGINE=/path/to/script, see .ci/compose-test).
compose-test: $(VENV)/.test-installed
	ENGINE="$(ENGINE)" .ci/compose-test

# The versions that the images install: those of this environment.
lock: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check packaging -e '.[train,parquet]'
	$(BIN)/python .ci/lock.py

# What pip installs into each image, in MB, from the files of this environment.
image-sizes: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check packaging -e '.[train,parquet]'
	@$(BIN)/python .ci/image_sizes.py

lint: $(VENV)/.test-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks.training
	$(BIN)/python -m benchmarks.numpy_article
	$(BIN)/python -m benchmarks.loading
	$(BIN)/python -m benchmarks.embedding
	$(BIN)/python -m benchmarks.scores
	$(BIN)/python -m benchmarks.index
	$(BIN)/python -m benchmarks.gpu
	$(BIN)/python -m benchmarks.gpu_serving
	$(BIN)/python -m benchmarks.serving
	$(BIN)/python -m benchmarks.batches
	$(BIN)/python -m benchmarks.synthesize

# Eight minutes at twice what the service can do.
soak: $(VENV)/.installed
	$(BIN)/python -m benchmarks.soak

# PostgreSQL, where this user may install it; the tests name what they leave out without it.
packages:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null \
	|| if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -y -qq --no-install-recommends postgresql >/dev/null; \
	fi

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Moggy needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "Installing Moggy into $(VENV): some minutes the first time, about 1.4 GB"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[train]'
	@touch $@

$(VENV)/.test-installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@ $(VENV)/.installed
