PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PYTEST = $(BIN)/pytest --numprocesses auto --maxprocesses 12 --dist loadfile --no-loadscope-reorder

# The pages that the API serves, of which this file is written last, and what they are built from.
PAGES := app/studio_files/playground.html
PAGE_SOURCES := $(filter-out studio/src/%.test.ts studio/src/%.test.tsx, \
  $(shell find studio/src studio/build -type f)) studio/index.html studio/docs.html \
  studio/playground.html studio/vite.config.ts studio/vite.playground.config.ts \
  studio/tsconfig.json
PACKAGES := studio/node_modules/.package-lock.json
NODE := $(VENV)/.node-installed
EXTRAS := train,studio
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check
NPM = cd studio && PATH="$(abspath $(BIN)):$$PATH" npm

# Two cores install and build the pages, or lint and test them, at the same time.
MAKEFLAGS += --jobs=2
# Python keeps the code that it compiles: each program would compile it anew at each start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: up test python-test studio studio-test api-types screens coverage compose-test lint lock image-sizes bench soak packages

up: $(VENV)/.installed $(PAGES)
	@$(BIN)/moggy up

test: lint studio-test python-test

# The tests of one file, which may share a server, run in one process. tests/conftest.py says how many
# processes there are, and in which order the files are distributed.
python-test: $(VENV)/.test-installed packages $(PAGES)
	$(PYTEST)

# Measuring the coverage takes the tests half as long again.
coverage: $(VENV)/.test-installed packages $(PAGES)
	$(PYTEST) --cov=app --cov=worker --cov=models --cov-report=term:skip-covered

# Builds the images and runs the compose file in a Docker engine: docker's, or the one that a script
# runs (make compose-test ENGINE=/path/to/script, see .ci/compose-test).
compose-test: $(VENV)/.test-installed
	ENGINE="$(ENGINE)" .ci/compose-test

# The versions that the images install: those of this environment.
lock: $(VENV)/.installed
	$(PIP) packaging -e '.[train,parquet]'
	$(BIN)/python .ci/lock.py

# What pip installs into each image, in MB, from the files of this environment.
image-sizes: $(VENV)/.installed
	$(PIP) packaging -e '.[train,parquet]'
	@$(BIN)/python .ci/image_sizes.py

lint: $(VENV)/.test-installed $(PACKAGES)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(NPM) run --silent lint

studio: $(PAGES)

# The tests of the pages' logic; those of the pages themselves are in tests/studio.
studio-test: $(PACKAGES)
	$(NPM) test --silent

# The types of the API's requests and responses, from its OpenAPI document.
api-types: $(VENV)/.installed $(PACKAGES)
	$(BIN)/python .ci/api_types.py

# The pictures in docs/screens, while `make up` runs.
screens: $(VENV)/.test-installed
	$(BIN)/python .ci/screens.py

bench: $(VENV)/.test-installed $(PAGES)
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
	$(BIN)/python -m benchmarks.studio

# Eight minutes at twice what the service can do.
soak: $(VENV)/.installed
	$(BIN)/python -m benchmarks.soak

# PostgreSQL and Chromium, where this user may install them; the tests name what they leave out
# without them.
packages:
	@missing=; \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null \
	  || missing=postgresql; \
	command -v chromium >/dev/null || command -v google-chrome >/dev/null \
	  || missing="$$missing chromium"; \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Moggy needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# Alone and first, so that the pages are built while the rest is installed. Two installations at once
# would break the environment.
$(NODE): pyproject.toml | $(BIN)/python
	@$(PIP) $$($(BIN)/python -c 'import tomllib; \
	  print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["studio"])')
	@touch $@

# pip would compile every file of every package, most of which Moggy never imports. What it imports is
# compiled by importing it. Where torch cannot be imported, Moggy serves models all the same.
$(VENV)/.installed: pyproject.toml | $(NODE)
	@echo "Installing Moggy into $(VENV): some minutes the first time, about 1.4 GB"
	$(PIP) --no-compile -e '.[$(EXTRAS)]'
	-$(BIN)/python -c 'import app.cli.main, app.main, models.training.trainer, worker.tasks'
	@echo $(EXTRAS) > $@

# One installation of everything, unless Moggy is installed already.
$(VENV)/.test-installed: EXTRAS := train,studio,test
$(VENV)/.test-installed: $(VENV)/.installed
	@grep --quiet test $< || $(PIP) --no-compile -e '.[test]'
	@touch $@

# npm writes the file when it has installed the packages.
$(PACKAGES): studio/package.json studio/package-lock.json studio/.npmrc | $(NODE)
	$(NPM) ci --silent
	@touch $@

$(PAGES): $(PACKAGES) $(PAGE_SOURCES)
	$(NPM) run --silent build -- --logLevel warn
	@touch $@
