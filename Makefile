# make demo   a real evaluation of the embedded baseline, from nothing
# make test   lint, types and the test suite, from nothing
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# Many tests wait for a server of their own: three at once keep two cores busy.
WORKERS ?= 3
ROOMS  := client commands evaluation reports scorers servers tasks
SOURCES := pyproject.toml setup.py $(wildcard scorers/masks/*.c scorers/masks/*.h)

.PHONY: demo test lint test-browser test-vllm test-engines test-slurm test-ray test-examples soak fuzz perf

demo: $(VENV)/.installed
	$(BIN)/python bench.py --out runs/demo

test: $(VENV)/.installed-dev lint
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal $(if $(CI),--cov)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@# mypy looks for packages where they are imported from, and our rooms lie beside the package's folder
	mkdir -p .typing/sightbench && ln -sfn $(CURDIR)/sightbench/*.* $(ROOMS:%=$(CURDIR)/%) .typing/sightbench/
	ln -sfn $(CURDIR)/tests $(CURDIR)/perf .typing/
	cd .typing && ../$(BIN)/mypy --config-file ../pyproject.toml --cache-dir ../.mypy_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "sightbench needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-dev: $(BIN)/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.installed

# The report page in a real browser; also part of continuous integration where a Chromium is or can be put.
$(VENV)/.installed-browser: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[browser]'
	test -f .browser/node_modules/axe-core/axe.min.js || npm install --silent --no-audit --no-fund --prefix .browser axe-core@4
	@touch $@

test-browser: $(VENV)/.installed-browser
	browser=$$(ci/browser/install.sh) && SIGHTBENCH_BROWSER=$$browser $(BIN)/python -m pytest -m browser tests/browser

# Beyond the two: real engines without a GPU, long forms, figures.

# Two files at a time: an engine is waited for more than it computes. What engines and tests put aside is in a
# folder of this run alone, which stays where something failed.
ENGINE_TESTS = export TMPDIR=$$(mktemp -d) OMP_NUM_THREADS=2 && $(BIN)/python -m pytest --numprocesses 2 --dist loadfile
ENGINE_TESTS_END = rm -rf "$$TMPDIR"

test-vllm: $(VENV)/.installed-dev
	venv=$$(ci/engines/install.sh vllm) && export SIGHTBENCH_VLLM=$$venv/bin/vllm && \
	  $(ENGINE_TESTS) -m 'vllm or torch' && $(ENGINE_TESTS_END)

test-engines: $(VENV)/.installed-dev
	vllm=$$(ci/engines/install.sh vllm) && sglang=$$(ci/engines/install.sh sglang) && ci/engines/install.sh router && \
	  export SIGHTBENCH_VLLM=$$vllm/bin/vllm SIGHTBENCH_SGLANG=$$sglang/bin/sglang && \
	  $(ENGINE_TESTS) -m 'vllm or engines or torch' && $(ENGINE_TESTS_END)

# A real Slurm of one node, then the example with two real engines; `make test-slurm ENGINE=` leaves those out.
test-slurm: ENGINE = vllm
test-slurm: $(VENV)/.installed-dev
	ci/slurm/install.sh
	if [ -n "$(ENGINE)" ]; then venv=$$(ci/engines/install.sh $(ENGINE)) && export SIGHTBENCH_VLLM=$$venv/bin/vllm; fi && \
	  $(BIN)/python -m pytest -m slurm tests/slurm

# A real Ray cluster of one node, then the example with two real engines; `make test-ray ENGINE=` leaves those out.
test-ray: ENGINE = vllm
test-ray: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[ray]'
	if [ -n "$(ENGINE)" ]; then venv=$$(ci/engines/install.sh $(ENGINE)) && export SIGHTBENCH_VLLM=$$venv/bin/vllm; fi && \
	  $(BIN)/python -m pytest -m ray tests/ray

# The YAML examples by Kubernetes' and SkyPilot's own schemas.
test-examples:
	test -x .schemas/bin/kubernetes-validate || { $(PYTHON) -m venv .schemas && \
	  .schemas/bin/pip install --quiet --disable-pip-version-check kubernetes-validate 'skypilot>=0.14'; }
	.schemas/bin/kubernetes-validate --strict examples/kubernetes.yaml
	.schemas/bin/python -c 'import sky; print(sky.Task.from_yaml("examples/skypilot.yaml"))'

# The long forms, and each generator of hostile input for SIGHTBENCH_SOAK seconds.
soak: $(VENV)/.installed-dev
	SIGHTBENCH_SOAK=$${SIGHTBENCH_SOAK:-60} $(BIN)/python -m pytest -m 'soak or generator'

fuzz:
	tests/fuzz/run.sh

perf: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[oracle]'
	for figure in client masks readers choice_scorers text_scorers synthetic baseline report studies server_queue; do \
	  echo "== $$figure"; $(BIN)/python -m perf.$$figure || exit 1; done
