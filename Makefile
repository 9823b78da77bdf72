.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-installed
DEVELOP := $(VENV)/.develop-installed
export CHURN_HOME ?= $(CURDIR)/var
export DAGSTER_HOME := $(CHURN_HOME)/dagster

.PHONY: help setup setup-develop run test lint format ui serve bench lock clean

help: ## print the targets
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

$(RUNTIME): requirements/runtime.lock requirements/uv.lock pyproject.toml scripts/setup.sh
	@PYTHON=$(PYTHON) scripts/setup.sh runtime

$(DEVELOP): $(RUNTIME) requirements/develop.lock
	@PYTHON=$(PYTHON) scripts/setup.sh develop

setup: $(RUNTIME) ## .venv with the locked, hashed dependencies (nothing to do when up to date)

setup-develop: $(DEVELOP) ## the same and the tools of tests and lint

run: setup ## the embedded operator's year: data, models, gates, scores, campaign list
	@$(BIN)/churn run

test: setup-develop ## the whole test suite
	@$(BIN)/pytest -n 2 --dist loadgroup

lint: setup-develop ## format, rules, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup-develop ## let ruff format and mend what it can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

ui: setup ## Dagster's webserver and daemon on the same state
	@$(BIN)/churn ui

serve: setup ## real-time scoring on the same state, in the foreground
	@$(BIN)/churn serve

bench: setup ## the benchmarks, each a table and a JSON file
	@$(BIN)/churn bench all

lock: setup-develop ## resolve the requirements anew
	@scripts/lock.sh

clean: ## remove the environment (state in CHURN_HOME stays)
	@rm -rf $(VENV)
