# People and CI call these targets and nothing else.
PY := .venv/bin/python
HOME_DIR ?= demo_home
N ?= 1000000
# Tests in parallel processes: the machine this is sized for has two cores. A file's tests share costly homes, so they
# stay in one process.
WORKERS ?= 2

# Bytecode is worth keeping: without it every command spends seconds on importing SQLMesh and Dagster.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo test test-fast check bench dev nightly lock clean

setup: .venv/.installed

# uv installs the lock in seconds; it is itself in the lock. Everything is pinned with hashes.
.venv/.installed: requirements.lock pyproject.toml
	python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check "uv==$$(sed -n 's/^uv==\([0-9.]*\).*/\1/p' requirements.lock)"
	.venv/bin/uv pip sync --quiet --python $(PY) --require-hashes requirements.lock
	.venv/bin/uv pip install --quiet --python $(PY) --no-deps --no-build-isolation --editable .
	touch $@

# Eight simulated clinics, one night through Dagster, and what came out.
demo: setup
	.venv/bin/registry demo --home $(HOME_DIR)

# Fast tests first: they fail within seconds when something basic is broken. They try a property on a tenth of its
# examples, so `test` tries all of them once more. Dagster takes seconds to import, and its tests are slow anyway.
test: test-fast
	$(PY) -m pytest -n $(WORKERS) --dist loadfile --durations 15 -m "slow or hypothesis"

test-fast: setup
	$(PY) -m pytest -n $(WORKERS) --dist loadfile --hypothesis-profile fast -m "not slow" --ignore-glob "*/test_dagster_*"

# Dagster loads the code location in two processes, and tests in as many as there are workers: they compile the SQL
# project once.
check test test-fast: export REGISTRY_PLANS := $(CURDIR)/build/plans

check: setup
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/registry contracts lint
	.venv/bin/dagster definitions validate -w workspace.yaml

bench: setup
	$(PY) benchmarks/run.py --assessments $(N)

# Dagster finds the home through the environment; both targets work on the demo's home unless told otherwise.
dev nightly: export REGISTRY_HOME := $(abspath $(HOME_DIR))
dev nightly: export DAGSTER_HOME := $(abspath $(HOME_DIR))/dagster

dev: setup
	$(PY) -m registry_pipeline.dagster_home
	.venv/bin/dagster dev -w workspace.yaml

nightly: setup
	$(PY) -m registry_pipeline.dagster_home
	.venv/bin/dagster job execute -m registry_pipeline.definitions -j nightly

lock: setup
	.venv/bin/uv pip compile --quiet pyproject.toml --extra dev --output-file requirements.lock --generate-hashes --python-version 3.11 --no-emit-index-url --upgrade

clean:
	rm -rf $(HOME_DIR) build .pytest_cache .mypy_cache .ruff_cache
