# Every target sets up first, in a moment where it is done already. The work is in packaging/setup_secateur.py,
# which macOS and Windows call directly. Options for pytest or the program: make test ARGS="-x -k spectrum"
PYTHON ?= python3
SCRIPT := $(PYTHON) packaging/setup_secateur.py

.DEFAULT_GOAL := help
.PHONY: help setup app test test-slow test-exporters check bench screenshots clean

help:
	@echo "make setup        system libraries, .venv, packages"
	@echo "make app          the window on the bundled sample; without a display the same job without one"
	@echo "make test         tests offscreen, then those that a display has a part in under Xvfb"
	@echo "make test-slow    the tests that take long beside what they add to the others"
	@echo "make test-exporters  installs every exporter's library, then runs the tests that need them"
	@echo "make check        format, lint, types"
	@echo "make bench        the figures in README"
	@echo "make screenshots  the pictures in README"
	@echo "make clean        remove .venv and everything that was built"

setup app test test-slow test-exporters check bench screenshots:
	@$(SCRIPT) $@ $(ARGS)

clean:
	@rm -rf .venv build dist out .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find app tests packaging benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
