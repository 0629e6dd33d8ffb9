# Everything a newcomer needs: `make demo` and `make test` do their own set-up in .venv.

PYTHON ?= python3
VENV ?= .venv
OUT ?= demo
BIN = $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo test slow lint format bench clean

help:
	@echo "make demo    build a small dataset from real photographs, without GPU or network (OUT=demo)"
	@echo "make test    the core suite"
	@echo "make slow    the slow tests: kills at random points, whole builds"
	@echo "make lint    ruff and mypy"
	@echo "make bench   ratios against named baselines"

demo: $(VENV)/.demo
	@$(BIN)/imagenet-think demo --out $(OUT)

test: $(VENV)/.dev
	@$(BIN)/python -m pytest

slow: $(VENV)/.dev
	@$(BIN)/python -m pytest -m slow

lint: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(VENV)/.dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/.dev
	@$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.demo: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) ..."
	@$(INSTALL) --editable '.[demo]'
	@touch $@

$(VENV)/.dev: $(VENV)/.demo
	@echo "installing the development tools ..."
	@$(INSTALL) --editable '.[demo,dev]'
	@touch $@
