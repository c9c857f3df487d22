# Two commands do everything, on a fresh machine too: `make sweep` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

sweep: venv
	$(BIN)/odyssey sweep quick

# All tests on TensorFlow, then, on JAX, those that compute. What befalls processes is the same on both, and
# JAX starts sooner.
test: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	KERAS_BACKEND=tensorflow $(BIN)/pytest --numprocesses 2 --quiet \
		$(addprefix --ignore tests/search/,test_faults.py test_clusters.py test_chaos.py test_scale.py)
	KERAS_BACKEND=jax $(BIN)/pytest --numprocesses 2 --quiet tests/cells tests/layers tests/training tests/search

venv: .venv/done

.venv/done: pyproject.toml requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --config-settings editable_mode=compat --editable .
	touch $@

# New pins of all dependencies, for every supported Python.
lock:
	uv pip compile pyproject.toml --extra dev --universal --generate-hashes \
		--no-emit-index-url --no-header --upgrade --output-file requirements.lock

.PHONY: sweep test venv lock
