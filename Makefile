# The interface of the repository. `make book` and `make test` need nothing but Python 3.11 or later.
# Another Python: `make PYTHON=python3.12 test`.
PYTHON ?= python3
BIN := .venv/bin
SITE := _build/html
PORT ?= 8000

# Small matrices: a second BLAS thread costs more than it brings.
export OPENBLAS_NUM_THREADS := 1

VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
READY := .venv/ready-$(VERSION)

.PHONY: book serve test test-slow bench clean

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Unrolled needs Python 3.11 or later, and $(PYTHON) is $(VERSION): try make PYTHON=python3.12 ..." >&2; exit 1; }
	test -e $@ || $(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

book: $(READY)
	$(BIN)/jupyter-book build . --builder html -W -n --keep-going
	@echo "The book is built: open $(SITE)/index.html, or run 'make serve'."

serve: book
	$(BIN)/python tools/serve.py $(SITE) --port $(PORT)
