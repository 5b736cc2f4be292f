# Two commands: `make demo` and `make test`. Each builds .venv if it is missing.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
RUN ?= runs/demo
DATA ?= online-retail

export RAY_USAGE_STATS_ENABLED := 0
export HF_HUB_OFFLINE := 1

.PHONY: demo test check lint serve bench prove clean

demo: .venv/installed
	$(BIN)/recsys run --data $(DATA) --run $(RUN)

test: .venv/installed lint
	$(BIN)/pytest -m "not prove" --cov --cov-report=term:skip-covered --cov-fail-under=85

check: .venv/installed lint
	$(BIN)/pytest -m "not slow and not ray and not prove"

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

serve: .venv/installed
	$(BIN)/recsys serve --bundles $(RUN)/bundles --clock log

# One figure a line, as ratios within one run; BENCHMARKS.md says what they were. Of another log: DATA=DIR RUN=runs/it.
bench: .venv/installed
	$(BIN)/recsys run --data $(DATA) --run $(RUN)
	$(BIN)/python -m tests.bench --run $(RUN)
	$(BIN)/python -m tests.bench.load --run $(RUN)

# The large counts, too slow for CI.
prove: .venv/installed
	$(BIN)/pytest -m prove

clean:
	rm -rf .venv runs build dist *.egg-info

.venv/installed: constraints.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,serve,dev]'
	touch $@
