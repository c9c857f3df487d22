# Two commands do everything, on a fresh machine too: `make sweep` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

sweep: venv
	$(BIN)/odyssey sweep quick

test: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pytest -n 2

venv: .venv/done

.venv/done: pyproject.toml requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

.PHONY: sweep test venv
