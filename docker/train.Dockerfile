# What trains, compresses, evaluates and reports: the kit with TensorFlow and both interpreters. Its entrypoint is `kit`.
#
#   target `train`  the study (the default)
#   target `test`   the same with the tests and what they need
#   target `gpu`    the same with NVIDIA's CUDA libraries
#
# linux/amd64; linux/arm64 from the same lock, for all of it has wheels there.
# To pin the base, give its digest: --build-arg BASE_IMAGE=debian:bookworm-slim@sha256:…  (`kit build` does so by itself
# where a registry is in reach).
ARG BASE_IMAGE=debian:bookworm-slim

# All that is installed is installed in the image itself and not copied from another: a copy would cost its 2.4 GB twice.
FROM ${BASE_IMAGE} AS packages
ENV DEBIAN_FRONTEND=noninteractive PIP_DISABLE_PIP_VERSION_CHECK=1
RUN --mount=type=secret,id=ca,target=/run/ca.crt <<'SCRIPT'
set -eu
ca=""; [ ! -s /run/ca.crt ] || ca="-o Acquire::https::CAInfo=/run/ca.crt"
apt-get $ca update -q
apt-get $ca install -q -y --no-install-recommends python3 python3-venv
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log
python3 -m venv /opt/venv
SCRIPT
RUN --mount=type=secret,id=ca,target=/run/ca.crt --mount=type=cache,target=/root/.cache/pip \
    --mount=type=bind,source=docker/requirements-train.txt,target=/run/requirements.txt <<'SCRIPT'
set -eu
[ ! -s /run/ca.crt ] || export PIP_CERT=/run/ca.crt
/opt/venv/bin/pip install --progress-bar off --require-hashes --only-binary=:all: -r /run/requirements.txt
rm -r /opt/venv/lib/python3.11/site-packages/tensorflow/include    # 430 MB of headers: nothing is compiled against them
SCRIPT

# The kit itself, built by the locked backend and not by a build environment of its own.
FROM packages AS kit
RUN --mount=type=secret,id=ca,target=/run/ca.crt \
    --mount=type=bind,source=docker/requirements-build.txt,target=/run/requirements.txt <<'SCRIPT'
set -eu
[ ! -s /run/ca.crt ] || export PIP_CERT=/run/ca.crt
python3 -m venv /build/venv
/build/venv/bin/pip install --quiet --require-hashes -r /run/requirements.txt
SCRIPT
COPY pyproject.toml README.md LICENSE /build/kit/
COPY kit /build/kit/kit
# The training operations are compiled first, and go into the wheel; the compiler stays behind in this stage.
RUN cd /build/kit && /build/venv/bin/python -m kit.stages.tensorflow.ops.build
RUN /build/venv/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /build/wheels /build/kit \
 && /opt/venv/bin/pip install --quiet --no-deps --no-index --prefix /kit /build/wheels/*.whl

# Whoever starts a container of it gives the user; HOME and caches are where any user may write.
FROM packages AS base
ARG TARGETARCH
ENV PATH=/opt/venv/bin:/usr/bin:/bin HOME=/tmp LANG=C.UTF-8 PYTHONUNBUFFERED=1
RUN install -d -m 1777 /kit /kit/data /kit/runs /kit/reports
WORKDIR /kit
ENTRYPOINT ["kit"]
CMD ["--help"]

FROM base AS gpu
RUN --mount=type=secret,id=ca,target=/run/ca.crt --mount=type=cache,target=/root/.cache/pip \
    --mount=type=bind,source=docker/requirements-gpu.txt,target=/run/requirements.txt <<'SCRIPT'
set -eu
[ ! -s /run/ca.crt ] || export PIP_CERT=/run/ca.crt
pip install --progress-bar off --require-hashes --only-binary=:all: -r /run/requirements.txt
SCRIPT
COPY --from=kit /kit /opt/venv
RUN --mount=type=bind,source=docker/sbom.py,target=/run/sbom.py \
    python /run/sbom.py kit-gpu "$TARGETARCH" --packages /opt/venv/lib/python3.11/site-packages \
      --own /opt/venv/lib/python3.11/site-packages/kit --output /usr/share/kit/image.json
ENV CUDA_VISIBLE_DEVICES=0
USER 1000:1000

FROM base AS test
RUN --mount=type=secret,id=ca,target=/run/ca.crt --mount=type=cache,target=/root/.cache/pip \
    --mount=type=bind,source=docker/requirements.txt,target=/run/requirements.txt <<'SCRIPT'
set -eu
[ ! -s /run/ca.crt ] || export PIP_CERT=/run/ca.crt
pip install --quiet --require-hashes -r /run/requirements.txt
SCRIPT
COPY --from=kit /kit /opt/venv
RUN --mount=type=bind,source=docker/sbom.py,target=/run/sbom.py \
    python /run/sbom.py kit-test "$TARGETARCH" --packages /opt/venv/lib/python3.11/site-packages \
      --own /opt/venv/lib/python3.11/site-packages/kit --output /usr/share/kit/image.json
COPY . /kit/
RUN cd /kit && python -m kit.stages.tensorflow.ops.build
USER 1000:1000
ENTRYPOINT ["python", "-m", "pytest", "-p", "no:cacheprovider"]
CMD []

FROM base AS train
COPY --from=kit /kit /opt/venv
RUN --mount=type=bind,source=docker/sbom.py,target=/run/sbom.py \
    python /run/sbom.py kit-train "$TARGETARCH" --packages /opt/venv/lib/python3.11/site-packages \
      --own /opt/venv/lib/python3.11/site-packages/kit --output /usr/share/kit/image.json
USER 1000:1000
