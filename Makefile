# Two commands do everything on a fresh machine: `make demo` and `make test`. Each sets up what it needs first.
VENV := .venv
PYTHON := $(VENV)/bin/python
PORT ?= 8000
COVERAGE := --cov --cov-report=term:skip-covered # branches of src/; less than 95 % fails
SHORT := -m 'not full_length'
TWICE := -n 2 --no-loadscope-reorder # two processes, each room in one of them: tests/conftest.py

.PHONY: demo demo-fastapi test test-all check lint format bench bench-quick clean help

help: ## say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

demo: $(VENV)/.demo ## a chat on Django Channels, in the browser
	$(PYTHON) examples/channels_demo/run.py --port $(PORT)

demo-fastapi: $(VENV)/.demo ## the same chat on FastAPI
	$(PYTHON) examples/fastapi_demo/run.py --port $(PORT)

test: $(VENV)/.test ## every test: core, middleware, frameworks, six servers, the pages in Chromium
	$(PYTHON) -m pytest $(TWICE) $(COVERAGE) $(SHORT)

test-all: $(VENV)/.test ## the same, and what only shows at full length: outages, every log on every server, the long storm
	$(PYTHON) -m pytest $(TWICE) $(COVERAGE)

check: lint ## what lint does, and the tests that need no server and no browser, with their branch coverage
	$(PYTHON) -m pytest $(COVERAGE) $(SHORT) --ignore tests/servers --ignore tests/nodes --ignore tests/storm --ignore tests/wrapped --ignore tests/demo \
		--ignore tests/panel/test_page.py

lint: $(VENV)/.test ## ruff and mypy strict
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy

format: $(VENV)/.test ## let ruff put everything in shape
	$(PYTHON) -m ruff check --fix
	$(PYTHON) -m ruff format

bench: $(VENV)/.bench ## wsauth beside what people use today: benchmarks/RESULTS.md, 20 minutes on a quiet machine
	$(PYTHON) -m benchmarks
	$(PYTHON) -m benchmarks.readme

bench-quick: $(VENV)/.bench ## fail where wsauth has become slower, by ratio: under 3 minutes
	$(PYTHON) -m benchmarks --quick

clean: ## remove what the other targets made
	rm -rf $(VENV) .demo

$(VENV)/.demo: pyproject.toml scripts/venv
	scripts/venv $(VENV) --editable '.[demo]'
	touch $@

$(VENV)/.test: pyproject.toml scripts/venv scripts/chromium scripts/postgres scripts/redis tests/referee/package-lock.json
	scripts/chromium
	scripts/postgres
	scripts/redis
	cd tests/referee && npm ci --ignore-scripts --no-audit --no-fund
	scripts/venv $(VENV) --editable '.[demo,jwks,redis,simplejwt]' --group test --group check
	touch $@ $(VENV)/.demo

$(VENV)/.bench: pyproject.toml benchmarks/requirements.txt scripts/venv scripts/postgres scripts/redis
	scripts/postgres
	scripts/redis
	scripts/venv $(VENV) --editable '.[django,jwt,fastapi]' -r benchmarks/requirements.txt
	touch $@
