# Everything from a fresh clone with Python, gcc and make:
#   make live    set up .venv and show the virtual camera live
#   make test    set up .venv and run every check that CI runs
#   make test-all  the same with the long families of tests in full

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

# Workers that share the tests, a file each at a time: some wait for a camera or a child process.
PYTEST_WORKERS ?= 3
# The many child processes of the tests start twice as fast from compiled modules.
PYTEST := env -u PYTHONDONTWRITEBYTECODE QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest --numprocesses $(PYTEST_WORKERS) \
	--dist loadfile --no-loadscope-reorder --max-worker-restart 0 \
	--benchmark-disable --ignore tests/bench

.PHONY: live test test-all lint bench clean

live: $(INSTALLED)
	$(BIN)/ngs live

test: $(INSTALLED) lint
	$(PYTEST) $(PYTEST_OPTIONS)

test-all: $(INSTALLED) lint
	$(PYTEST) --whole $(PYTEST_OPTIONS)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(INSTALLED)
	$(BIN)/python -m pytest --benchmark-only tests/bench
	$(BIN)/ngs bench capture

$(INSTALLED): pyproject.toml setup.py drivers/virtual/producer/gentl_build.py
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	sh .ci/qt-libraries $(BIN)/python
	touch $@

clean:
	rm -rf .venv build ./*.egg-info drivers/virtual/producer/_gentl*.so
