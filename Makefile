# The verbs. `make run` and `make test` do all their set-up; the second time there is none.
VENV := .venv
VENV_PYTHON := $(VENV)/bin/python

.PHONY: install run quick test test-all check format openapi reference gallery vendor vectors moments pins fuzz peers peers-more manifests hub bench bench-check bench-front load front-large chaos

install: $(VENV)/tests-installed

run: $(VENV)/service-installed
	$(VENV_PYTHON) -m service serve $(ARGS)

# quick, test and test-all run two tests at a time. ARGS="-n 0 --pdb" runs them in one process.
quick: install
	$(VENV_PYTHON) -m tests -q -m "not slow and not long" $(ARGS)

test: check
	$(VENV_PYTHON) -m tests -m "not slow" $(ARGS)

test-all: check
	$(VENV_PYTHON) -m tests $(ARGS)

check: install
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache --no-logo
	$(VENV_PYTHON) checks/arithmetic.py service/initializers service/stream

format: install
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

openapi: install
	$(VENV_PYTHON) -m service openapi > openapi/openapi.json.new
	mv openapi/openapi.json.new openapi/openapi.json

reference: install
	$(VENV_PYTHON) -m checks.write_reference

# The pictures of docs/schemes.md. Matplotlib has an environment of its own.
gallery: build/gallery-venv/installed
	build/gallery-venv/bin/python -m checks.write_gallery

# The third-party files of the web page. It needs npm.
vendor: install
	$(VENV_PYTHON) -m checks.write_vendor

vectors: install
	$(VENV_PYTHON) -m checks.write_vectors
	$(VENV_PYTHON) -m checks.write_frozen
	$(VENV_PYTHON) -m checks.write_drafts
	$(VENV_PYTHON) -m checks.write_snapshots

# NAME=gelu prints the numbers of one activation; without NAME all of them are checked.
moments: install
	$(VENV_PYTHON) -m checks.moments $(NAME)

pins:
	python=$$(sh checks/find_python.sh) && "$$python" checks/write_pins.py

# About 20,000 requests that Schemathesis makes from the OpenAPI document, to a server of its own.
fuzz: $(VENV)/service-installed build/fuzz-venv/requirements.txt
	$(VENV_PYTHON) -m checks.fuzz $(ARGS)

# Presets, and the lines of code of recommendations, against Keras, JAX, Flax, TensorFlow.js, PyTorch
# and MLX, which it installs into build/ the first time.
peers: install
	$(VENV_PYTHON) -m pytest tests/peers $(ARGS)

# MLX and Paddle in an environment of their own, asked anew for what their presets are.
peers-more: install
	$(VENV_PYTHON) -m venv build/peers-more
	build/peers-more/bin/python -m pip install --quiet --disable-pip-version-check \
		-r checks/peers-more.txt
	build/peers-more/bin/python -m checks.write_peer_values mlx build/peers-more/values
	build/peers-more/bin/python -m checks.write_peer_values paddle build/peers-more/values
	FANIN_PEER_VALUES=build/peers-more/values $(VENV_PYTHON) -m pytest -q tests/peers \
		-k "mlx or paddle"

# The manifests of deploy/ against the schemas of Kubernetes and the rules of checkov, which it
# installs into build/ the first time.
manifests: install
	$(VENV_PYTHON) -m pytest tests/kubernetes $(ARGS)

# Clients of the Hub in Python, Rust and JavaScript against a server of its own. It installs them into
# build/ the first time.
hub: install
	$(VENV_PYTHON) -m pytest tests/hub $(ARGS)

# Minutes, and worth nothing while the machine does something else. It runs until it is done.
bench: $(VENV)/service-installed
	sh bench/install.sh $(VENV_PYTHON)
	$(VENV_PYTHON) -m bench $(ARGS)

bench-check: $(VENV)/service-installed
	sh bench/install.sh $(VENV_PYTHON)
	$(VENV_PYTHON) -m bench.guard

# What a request costs directly, through deploy/nginx.conf, and from its cache. It needs nginx.
bench-front: $(VENV)/service-installed
	$(VENV_PYTHON) -m bench.front

# A download of 64 GiB over loopback through deploy/nginx.conf, which must not grow. FRONT_GIB=8 takes
# less. It needs nginx, and some minutes.
front-large: install
	FRONT_GIB=$${FRONT_GIB:-64} $(VENV_PYTHON) -m pytest -q -s tests/front/test_large.py $(ARGS)

# Eight downloads of 2 GiB at a time over loopback, while replicas behind deploy/nginx.conf are killed.
# CHAOS_MIB=512 takes less. It needs nginx, curl, aria2, 16 GiB of disk, and some minutes.
chaos: install
	CHAOS_MIB=$${CHAOS_MIB:-2048} $(VENV_PYTHON) -m pytest -q -s tests/front/test_chaos.py $(ARGS)

# Attacks, killed processes and mixed clients, about 15 minutes, on loopback. ARGS="pipelining mixed"
# chooses some. Its limit on latency is worth little while the machine does something else.
load: install
	$(VENV_PYTHON) -m tests.load $(ARGS)

# New pins begin a new environment, so that nothing the old ones brought stays behind.
$(VENV)/service-installed: requirements.txt checks/find_python.sh
	python=$$(sh checks/find_python.sh) && "$$python" -m venv --clear $(VENV)
	@echo "Installing into $(VENV) (once, a minute or so)"
	$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/tests-installed: $(VENV)/service-installed requirements-dev.txt
	$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

build/gallery-venv/installed: requirements.txt requirements-docs.txt checks/find_python.sh
	python=$$(sh checks/find_python.sh) && "$$python" -m venv --clear build/gallery-venv
	build/gallery-venv/bin/python -m pip install --quiet --disable-pip-version-check \
		-r requirements-docs.txt
	@touch $@

# tests/test_fuzz.py makes the same environment, and compares the same file.
build/fuzz-venv/requirements.txt: requirements-fuzz.txt checks/find_python.sh
	python=$$(sh checks/find_python.sh) && "$$python" -m venv --clear build/fuzz-venv
	build/fuzz-venv/bin/python -m pip install --quiet --disable-pip-version-check \
		-r requirements-fuzz.txt
	cp requirements-fuzz.txt $@
