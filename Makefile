# Everything that a fresh machine needs: Python 3.11 and the package index.
PYTHON ?= python3.11
KIT := .venv/bin/kit
PRESET ?= smoke
PI ?= pi.local

# What `make reference` runs, and where its excerpt goes: `make reference REFERENCE=smoke EXCERPT=reports/trial` tries it out.
REFERENCE ?= short
EXCERPT ?= reports/reference
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

.PHONY: reproduce bench reference test e2e lint lock clean

reproduce: .venv/ready            ## the whole study of PRESET, a report at the end
	$(KIT) reproduce --preset $(PRESET)

bench: .venv/ready                ## the reference run's models on a Raspberry Pi: PI=pi.local
	$(KIT) build pi $(BUILD)
	$(KIT) bench --host $(PI)

reference: .venv/ready            ## the committed run again, in the images: ARCHIVE=cifar-10-python.tar.gz, or a download
	$(KIT) build $(BUILD)
	$(if $(ARCHIVE),$(KIT) data cifar10 --archive $(ARCHIVE))
	docker compose run --rm train reproduce --preset $(REFERENCE) --all
	docker compose run --rm bench bench $(REFERENCE) --interpreter tflite
	$(SUDO) $(KIT) dev pi up
	$(KIT) bench $(REFERENCE) --host pi.local --ssh-config .kit-pi/ssh_config --protocol trial --parity 20
	$(SUDO) $(KIT) dev pi down
	$(KIT) publish $(REFERENCE) $(EXCERPT)
	$(KIT) report $(EXCERPT)

test: .venv/ready                 ## all tests that need no engine and no Pi
	.venv/bin/python -m pytest

e2e: .venv/ready                  ## what needs a Docker engine or Chromium: images, Compose, the emulated Pi, the page in a browser
	.venv/bin/python -m pytest -rP -o addopts="-q --strict-markers" tests/e2e

lint: .venv/ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

.venv/ready: docker/requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --require-hashes -r docker/requirements.txt
	.venv/bin/pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

LOCK := .venv/bin/uv pip compile --generate-hashes --quiet --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
	--python-version 3.11 --python-platform x86_64-manylinux_2_34

lock:                             ## resolve pyproject.toml anew into the hash-locked requirements
	.venv/bin/pip install --quiet uv
	$(LOCK) pyproject.toml --all-extras --group dev -o docker/requirements.txt
	$(LOCK) -c docker/requirements.txt pyproject.toml --extra train --extra bench --extra report -o docker/requirements-train.txt
	echo hatchling | $(LOCK) -c docker/requirements.txt - -o docker/requirements-build.txt
	echo 'tensorflow[and-cuda]==2.21.0' | $(LOCK) -c docker/requirements.txt - -o docker/requirements-gpu.txt
	printf 'numpy==1.26.4\ntflite-runtime==2.14.0\n' | $(LOCK) --no-deps - -o docker/requirements-pi.txt
	echo 'ai-edge-litert==2.3.0' | $(LOCK) --no-deps - -o docker/requirements-pi-litert.txt

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache
