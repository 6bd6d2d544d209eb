# `make` alone lists what there is. Everything runs in .venv, which `setup` makes and keeps up to date.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
PROJECTS := contracts $(wildcard libs/*) $(wildcard services/*) simulator devstack $(wildcard cli)
INSTALLED := $(VENV)/.installed
UV = $(shell command -v uv || echo $(VENV)/bin/uv)

.DEFAULT_GOAL := help
.PHONY: help setup demo up down status logs test test-journeys screens check bench faults soak story clean ci lock

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## make .venv from requirements.lock, with every package of the repository in it

demo: setup ## play the main story on a real Kafka and PostgreSQL (KEEP=1 leaves it running, CHAOS=1 kills processes)
	@$(RUN) -m devstack.demo $(if $(KEEP),--keep) $(if $(CHAOS),--chaos)

up: setup ## start the whole system on this machine
	@$(RUN) -m devstack up

down: setup ## stop it; its data stays
	@$(RUN) -m devstack down

status: setup ## show each process and where it is reached
	@$(RUN) -m devstack status

logs: setup ## show what the processes wrote (NAME=publish-svc.worker for one, FOLLOW=1 to go on)
	@$(RUN) -m devstack logs $(NAME) $(if $(FOLLOW),--follow)

test: setup ## run every test (those that need Kafka or PostgreSQL find or start them)
	@$(RUN) -m pytest $(TESTS)

test-journeys: setup ## only the journeys of people at a real Chromium, through the whole system
	@$(RUN) -m pytest tests/journeys

screens: setup ## play every state of the screens on a stack of its own and take the pictures of docs/screens anew
	@$(RUN) tests/journeys/screens.py

check: setup ## lint, types, import rules, contracts and manifests
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy $(wildcard $(addsuffix /src,$(PROJECTS))) bench
	@$(VENV)/bin/lint-imports
	@$(RUN) checks/chassis_budget.py
	@$(RUN) -m relink_contracts.generate --check
	@$(RUN) -m relink_contracts.check
	@$(RUN) -m devstack.openapi --check
	@$(RUN) -m devstack.manifests

bench: setup ## run the benchmarks beside their peers and limits (B=relay for one, SMALL=1 to compare a short run)
	@$(RUN) -m bench $(B) $(if $(SMALL),--small)

faults: setup ## break things on purpose, hours (F=relay-killed one cell, SEED=7 that seed, SEEDS=2 so many of the quick cells)
	@$(RUN) -m pytest --tb=short --show-capture=no \
	  $(if $(F),tests/faults/test_$(subst -,_,$(F)).py,tests/faults $(if $(SEEDS),-m quick)) \
	  $(if $(SEED),--seed $(SEED),$(if $(SEEDS),--seeds $(SEEDS),--seeds 20 --keep-results))

soak: setup ## minutes of traffic while every process is killed again and again, then the evidence (MINUTES=10, SEED=7)
	@$(RUN) -m devstack.soak --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

story: setup ## play one story a thousand times amid kills, then the evidence (S=reconnects, ROUNDS=1000, SEED=7)
	@$(RUN) -m devstack.story $(or $(S),reconnects) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED))

clean: ## stop everything and delete .venv, .devstack and the caches
	@if [ -x $(RUN) ]; then $(RUN) -m devstack reset; fi
	@rm -rf $(VENV) .devstack .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -prune -exec rm -rf {} +

ci: check test ## what the build server runs
	@$(MAKE) --no-print-directory faults SEEDS=2
	@$(MAKE) --no-print-directory bench SMALL=1

lock: ## resolve the lock files anew from every pyproject.toml
	@$(PYTHON) devstack/src/devstack/requirements.py development | $(LOCK) -o requirements.lock
	@for image in builder services practice; do \
	  $(PYTHON) devstack/src/devstack/requirements.py $$image | $(LOCK) -c requirements.lock -o deploy/$$image.lock; done
LOCK = $(UV) pip compile - --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

# uv builds the environment; where there is none, pip brings it into the environment first.
$(INSTALLED): requirements.lock $(addsuffix /pyproject.toml,$(PROJECTS))
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Relink needs Python 3.11 or later and '$(PYTHON)' is older: name another one with make PYTHON=python3.12 …"; exit 1; }
	@if command -v uv >/dev/null; then uv venv --quiet --allow-existing --python $(PYTHON) $(VENV); \
	  else $(PYTHON) -m venv $(VENV) && $(RUN) -m pip install --quiet uv; fi || \
	  { echo "the environment could not be made: install uv, or Python's venv module (Debian and Ubuntu: apt-get install python3-venv)"; exit 1; }
	@$(UV) pip install --quiet --python $(RUN) --require-hashes -r requirements.lock
	@$(UV) pip install --quiet --python $(RUN) --no-deps --no-build-isolation $(addprefix --editable ./,$(PROJECTS))
	@touch $@
