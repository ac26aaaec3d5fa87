# People and CI call these targets and nothing else.
PY := .venv/bin/python
HOME_DIR ?= demo_home
N ?= 1000000

.PHONY: setup demo test test-fast check bench dev lock clean

setup: .venv/.installed

# uv installs the lock in seconds; it is itself in the lock. Everything is pinned with hashes.
.venv/.installed: requirements.lock pyproject.toml
	python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check "uv==$$(sed -n 's/^uv==\([0-9.]*\).*/\1/p' requirements.lock)"
	.venv/bin/uv pip sync --quiet --python $(PY) --require-hashes requirements.lock
	.venv/bin/uv pip install --quiet --python $(PY) --no-deps --no-build-isolation --editable .
	touch $@

lock: setup
	.venv/bin/uv pip compile --quiet pyproject.toml --extra dev --output-file requirements.lock --generate-hashes --python-version 3.11 --no-emit-index-url --upgrade
