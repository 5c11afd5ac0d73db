# Everything a person types. `make` alone lists the targets.
BIN := .venv/bin
export TORCH_BACKEND ?= auto
SOAK_ROUNDS ?= 50
.DEFAULT_GOAL := help
.PHONY: help install run live airflow test soak pictures lint format pins stack

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1|/' | column -t -s '|'

install: ## build .venv where it is missing or out of date
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
		if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then \
			exec $$python bootstrap.py; \
		fi; \
	done; \
	echo "Python 3.11, 3.12 or 3.13 was not found. Install one, or name it: make PYTHON=/path/to/python3.12 install" >&2; exit 3

run: install ## the demo: bundled offices, invented items, no network
	@$(BIN)/iprwatch run --demo --page

live: export IPRWATCH_CONTACT := $(or $(CONTACT),$(IPRWATCH_CONTACT))
live: install ## the real offices; CONTACT=me@office.example is sent to them
	@$(BIN)/iprwatch run --live

airflow: install ## Airflow over the demo on this machine: publish an item and see every hop
	@$(BIN)/iprwatch airflow

stack: ## Elasticsearch, Kibana, PostgreSQL, Airflow and the page in containers; needs Docker and 16 GB of memory
	@$(or $(wildcard $(BIN)/python),python3) -m iprwatch.stack

test: install ## the whole suite; PYTEST_ARGS="-k word" narrows it
	$(BIN)/python -m pytest -n 2 --dist worksteal $(PYTEST_ARGS)

soak: export IPRWATCH_SOAK_ROUNDS := $(SOAK_ROUNDS)
soak: install ## long kill rounds (SOAK_ROUNDS=50), then every benchmark
	$(BIN)/python -m pytest -m soak --timeout 3600 $(PYTEST_ARGS)
	@missed=; for file in benchmarks/[a-z]*.py; do name=$$(basename $$file .py); echo "== $$name"; \
		$(BIN)/python -m benchmarks.$$name || missed="$$missed $$name"; done; \
	[ -z "$$missed" ] || { echo "A bar was missed in:$$missed" >&2; exit 1; }

pictures: install ## draw docs/pictures anew from a demo run
	$(BIN)/python -m iprwatch.pictures

lint: install ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install ## ruff, changing the files
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

pins: install ## write requirements.txt anew (add PINS_ARGS=--upgrade for newer versions)
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate $(PINS_ARGS) \
		--custom-compile-command "make pins (torch pins its CUDA parts itself)" --group dev pyproject.toml -o requirements.txt
	@sed -i.old -E '/^(nvidia-|cuda-|triton=)/d' requirements.txt && rm requirements.txt.old
