# `make demo` and `make test` do all the set-up on a machine with Python >= 3.11 and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable
GO = $(shell command -v go || echo $(abspath $(BIN))/go)
GO_PROGRAMS := $(addprefix src/goutbench/golang/toolchain/,gohelper sandboxinit)

.PHONY: demo models test lint docs sandbox bwrap chromium clean

demo: $(VENV)/fast.stamp sandbox  ## Measure four contestants, then train a small model (FAST=1: without the model)
	runs/demo.sh
	@[ -n "$(FAST)" ] || $(MAKE) --no-print-directory models

models: $(VENV)/demo.stamp
	runs/demo_models.sh $(JUDGE)

test: $(VENV)/dev.stamp bwrap chromium lint  ## Run every check, as CI does
	$(BIN)/python -m pytest -n auto

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@unformatted=$$("$$($(GO) env GOROOT)/bin/gofmt" -l $(GO_PROGRAMS)) && \
	  [ -z "$$unformatted" ] || { echo "gofmt would change:" $$unformatted; exit 1; }
	for program in $(GO_PROGRAMS); do (cd $$program && GOWORK=off $(GO) vet ./...) || exit 1; done

docs: $(VENV)/dev.stamp  ## Build the documentation site with search; a broken link is an error
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/fast.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) '.[go,report]'
	touch $@

$(VENV)/demo.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) '.[go,report,train]'
	touch $@

$(VENV)/dev.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) '.[dev]'
	touch $@ $(VENV)/demo.stamp $(VENV)/fast.stamp

# The demo ends without a sandbox, too, and says what it skipped.
sandbox:
	@$(MAKE) --no-print-directory bwrap || true

# The tests run hostile code in the real sandbox, so they need the real one.
bwrap:
	@command -v bwrap >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  apt-get update -qq && apt-get install -y -qq bubblewrap >/dev/null; } || \
	  { echo "bubblewrap is needed: install the package 'bubblewrap'"; exit 1; }

# The report's page is driven in a real browser.
chromium:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || { [ "$$(id -u)" = 0 ] && \
	  command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } || \
	  { echo "Chromium is needed: install the package 'chromium'"; exit 1; }

clean:
	rm -rf $(VENV) demo docs/_build docs/_generated
