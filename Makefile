# Two commands do everything, on a fresh machine too: `make sweep` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/pytest --quiet --dist worksteal
PROCESSES := $(addprefix tests/test_,without_tensorflow.py cli.py readme.py) \
	$(addprefix tests/search/test_,faults.py executors.py clusters.py chaos.py scale.py \
	grow.py train.py names_in_sweeps.py variant_spaces.py)

sweep: venv
	$(BIN)/odyssey sweep quick

# The published studies once more, which takes days on two cores. It continues where it stopped; then compare,
# for example: odyssey compare results/jsb results/again/jsb
reference: venv
	for study in jsb jsb-wide; do \
		$(BIN)/odyssey sweep $$study --results results/again/$$study --reports reports/again/$$study || exit; \
	done

# All tests on TensorFlow, then, on JAX, those that compute. What befalls processes is the same on both, as is
# the command line, and JAX starts sooner: those tests wait for processes to end, so one more than there are cores.
test: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy suite tasks
	KERAS_BACKEND=tensorflow $(PYTEST) --numprocesses 2 $(addprefix --ignore ,$(PROCESSES))
	KERAS_BACKEND=jax $(PYTEST) --numprocesses 3 $(PROCESSES) \
		tests/cells tests/layers tests/training tests/tasks/test_training.py tests/search/test_stock.py \
		tests/search/test_sweep.py

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

.PHONY: sweep reference test venv lock
