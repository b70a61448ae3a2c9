# Two commands: `make demo` and `make test`. Each sets up what it needs; what is set up is skipped.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TEST_READY := $(VENV)/.ready-test
DEMO_OUT ?= demo_out

.PHONY: setup demo test lint bench slow clean
.DEFAULT_GOAL := help

help:
	@echo "make setup   .venv with the pinned packages, bpy's system libraries"
	@echo "make demo    frames, haze, flare, shadow pairs -> corpus -> training -> removal -> $(DEMO_OUT)/index.html"
	@echo "make test    lint, types and tests      make slow   the long tests too"
	@echo "make bench   measure ours beside peers  make lint   ruff and mypy"

setup: $(READY)

$(READY): pyproject.toml constraints.txt scripts/setup.sh
	@PYTHON=$(PYTHON) bash scripts/setup.sh $(VENV)
	@touch $@

$(TEST_READY): $(READY) scripts/apt.sh
	@bash scripts/apt.sh "the tests of pages in a browser" chromium
	@touch $@

demo: $(READY)
	$(BIN)/uniser demo --out $(DEMO_OUT)

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: $(TEST_READY) lint
	$(BIN)/python -m pytest

slow: $(TEST_READY)
	$(BIN)/python -m pytest -m "slow or not slow"

bench: $(READY)
	$(BIN)/uniser bench haze

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache
