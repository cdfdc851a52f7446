# All that a fresh machine needs is Python 3.11 and the package index.
PYTHON ?= python3.11
KIT := .venv/bin/kit
PRESET ?= smoke
PI ?= pi.local

# What `make reference` runs, and where its bundle goes: `make reference REFERENCE=smoke BUNDLE=reports/trial` tries it out.
REFERENCE ?= paper
BUNDLE ?= reports/reference
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

.PHONY: reproduce bench reference test e2e chaos lint workflows audit sbom lock clean

reproduce: .venv/ready            ## the whole study of PRESET, with a report
	$(KIT) reproduce --preset $(PRESET)

bench: .venv/ready                ## the reference run's models on a Raspberry Pi: PI=pi.local
	$(KIT) build pi $(BUILD)
	$(KIT) bench --host $(PI)

reference: .venv/ready            ## make the committed run again, in the images: ARCHIVE=cifar-10-python.tar.gz, or a download
	$(KIT) build $(BUILD)
	$(if $(ARCHIVE),$(KIT) data cifar10 --archive $(ARCHIVE))
	docker compose run --rm train reproduce --preset $(REFERENCE) --all
	docker compose run --rm train audit $(REFERENCE)
	docker compose run --rm bench bench $(REFERENCE) --protocol paper --interpreter litert --interpreter tflite \
	  --delegate none --delegate xnnpack
	docker compose run --rm bench bench $(REFERENCE) --protocol rigorous --interpreter litert --delegate none
	docker compose run --rm bench bench $(REFERENCE) '*/s00' --protocol rigorous --interpreter tflite --delegate none --delegate xnnpack
	$(SUDO) $(KIT) dev pi up
	$(KIT) bench $(REFERENCE) --host pi.local --ssh-config .kit-pi/ssh_config --protocol trial --parity 20
	$(SUDO) $(KIT) dev pi down
	$(KIT) publish $(REFERENCE) $(BUNDLE)
	$(KIT) report $(BUNDLE)

test: .venv/ready                 ## all tests that need no engine and no Pi
	.venv/bin/python -m pytest

e2e: .venv/ready                  ## tests that need a Docker engine or Chromium: images, Compose, the emulated Pi, the page in a browser
	.venv/bin/python -m pytest -rP -o addopts="-q --strict-markers" tests/e2e

chaos: .venv/ready                ## 100 random faults over small runs, 20 on a stand-in: CHAOS="--seed 7" repeats them; root
	.venv/bin/python -m tests.chaos --hosts $(CHAOS)

lint: .venv/ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

workflows: .venv-supply/ready     ## what GitHub's workflows could let in; needs no network
	.venv-supply/bin/zizmor --offline --no-progress --quiet .github/workflows

audit: .venv-supply/ready         ## known vulnerabilities of all locked packages; fails where the index can't be asked
	for lock in docker/requirements*.txt; do \
	  echo "$$lock"; .venv-supply/bin/pip-audit --strict --progress-spinner=off --disable-pip --require-hashes -r $$lock || exit 1; done

sbom: .venv-supply/ready          ## CycloneDX and a list of licences, of each image that `kit build` has recorded in runs/images
	.venv-supply/bin/python docker/bom.py runs/images

.venv-supply/ready: docker/requirements-supply.txt
	$(PYTHON) -m venv .venv-supply
	.venv-supply/bin/pip install --quiet --require-hashes -r docker/requirements-supply.txt
	touch $@

OPS := $(wildcard kit/stages/tensorflow/ops/*.cpp kit/stages/tensorflow/ops/*.h kit/stages/tensorflow/ops/build.py)

.venv/ready: docker/requirements.txt pyproject.toml $(OPS)
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --require-hashes -r docker/requirements.txt
	.venv/bin/pip install --quiet --no-deps --no-build-isolation -e .
	.venv/bin/python -m kit.stages.tensorflow.ops.build
	touch $@

LOCK := .venv/bin/uv pip compile --generate-hashes --quiet --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
	--python-version 3.11 --python-platform x86_64-manylinux_2_34

lock:                             ## resolve pyproject.toml again into the hash-locked requirements
	.venv/bin/pip install --quiet uv
	$(LOCK) pyproject.toml --all-extras --group dev -o docker/requirements.txt
	$(LOCK) --group supply -o docker/requirements-supply.txt
	$(LOCK) -c docker/requirements.txt pyproject.toml --extra train --extra bench --extra report --extra cluster -o docker/requirements-train.txt
	printf 'hatchling\nziglang==0.17.1\n' | $(LOCK) -c docker/requirements.txt - -o docker/requirements-build.txt
	echo 'tensorflow[and-cuda]==2.21.0' | $(LOCK) -c docker/requirements.txt - -o docker/requirements-gpu.txt
	printf 'numpy==1.26.4\ntflite-runtime==2.14.0\n' | $(LOCK) --no-deps - -o docker/requirements-pi.txt
	echo 'ai-edge-litert==2.3.0' | $(LOCK) --no-deps - -o docker/requirements-pi-litert.txt
	echo 'pillow==13.0.0' | $(LOCK) --no-deps - -o docker/requirements-pi-pictures.txt

clean:
	rm -rf .venv .venv-supply .pytest_cache .mypy_cache .ruff_cache
