# Everything from a fresh clone with Python, gcc and make:
#   make live    set up .venv and show the virtual camera live
#   make test    set up .venv and run every check that CI runs

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: live test lint bench clean

live: $(INSTALLED)
	$(BIN)/ngs live

test: $(INSTALLED) lint
	QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest $(PYTEST_OPTIONS)

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
