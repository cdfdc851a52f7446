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

FROM ${BASE_IMAGE} AS python
ENV DEBIAN_FRONTEND=noninteractive PIP_DISABLE_PIP_VERSION_CHECK=1
RUN --mount=type=secret,id=ca,target=/run/ca.crt <<'SCRIPT'
set -eu
ca=""; [ ! -s /run/ca.crt ] || ca="-o Acquire::https::CAInfo=/run/ca.crt"
apt-get $ca update -q
apt-get $ca install -q -y --no-install-recommends python3 libpython3-stdlib
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log
SCRIPT

FROM python AS packages
RUN --mount=type=secret,id=ca,target=/run/ca.crt <<'SCRIPT'
set -eu
ca=""; [ ! -s /run/ca.crt ] || ca="-o Acquire::https::CAInfo=/run/ca.crt"
apt-get $ca update -q
apt-get $ca install -q -y --no-install-recommends python3-venv
python3 -m venv /opt/venv
SCRIPT
COPY docker/requirements-train.txt /build/
RUN --mount=type=secret,id=ca,target=/run/ca.crt --mount=type=cache,target=/root/.cache/pip <<'SCRIPT'
set -eu
[ ! -s /run/ca.crt ] || export PIP_CERT=/run/ca.crt
/opt/venv/bin/pip install --progress-bar off --require-hashes --only-binary=:all: -r /build/requirements-train.txt
rm -r /opt/venv/lib/python3.11/site-packages/tensorflow/include    # 430 MB of headers: nothing is compiled against them
SCRIPT

# The kit itself, built by the locked backend and not by a build environment of its own.
FROM packages AS kit
COPY docker/requirements-build.txt /build/
RUN --mount=type=secret,id=ca,target=/run/ca.crt <<'SCRIPT'
set -eu
[ ! -s /run/ca.crt ] || export PIP_CERT=/run/ca.crt
python3 -m venv /build/venv
/build/venv/bin/pip install --quiet --require-hashes -r /build/requirements-build.txt
SCRIPT
COPY pyproject.toml README.md LICENSE /build/kit/
COPY kit /build/kit/kit
RUN /build/venv/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /build/wheels /build/kit \
 && /opt/venv/bin/pip install --quiet --no-deps --no-index --prefix /kit /build/wheels/*.whl

FROM packages AS test-packages
COPY docker/requirements.txt /build/
RUN --mount=type=secret,id=ca,target=/run/ca.crt --mount=type=cache,target=/root/.cache/pip <<'SCRIPT'
set -eu
[ ! -s /run/ca.crt ] || export PIP_CERT=/run/ca.crt
/opt/venv/bin/pip install --quiet --require-hashes -r /build/requirements.txt
SCRIPT

FROM packages AS gpu-packages
COPY docker/requirements-gpu.txt /build/
RUN --mount=type=secret,id=ca,target=/run/ca.crt --mount=type=cache,target=/root/.cache/pip <<'SCRIPT'
set -eu
[ ! -s /run/ca.crt ] || export PIP_CERT=/run/ca.crt
/opt/venv/bin/pip install --progress-bar off --require-hashes --only-binary=:all: -r /build/requirements-gpu.txt
SCRIPT

# Whoever starts a container of it gives the user; HOME and caches are where any user may write.
FROM python AS base
ARG TARGETARCH
ENV PATH=/opt/venv/bin:/usr/bin:/bin HOME=/tmp LANG=C.UTF-8 PYTHONUNBUFFERED=1
RUN install -d -m 1777 /kit /kit/data /kit/runs /kit/reports
WORKDIR /kit
ENTRYPOINT ["kit"]
CMD ["--help"]

FROM base AS gpu
COPY --from=gpu-packages /opt/venv /opt/venv
COPY --from=kit /kit /opt/venv
RUN --mount=type=bind,source=docker/sbom.py,target=/run/sbom.py \
    python /run/sbom.py kit-gpu "$TARGETARCH" --packages /opt/venv/lib/python3.11/site-packages \
      --own /opt/venv/lib/python3.11/site-packages/kit --output /usr/share/kit/image.json
ENV CUDA_VISIBLE_DEVICES=0
USER 1000:1000

FROM base AS test
COPY --from=test-packages /opt/venv /opt/venv
COPY --from=kit /kit /opt/venv
RUN --mount=type=bind,source=docker/sbom.py,target=/run/sbom.py \
    python /run/sbom.py kit-test "$TARGETARCH" --packages /opt/venv/lib/python3.11/site-packages \
      --own /opt/venv/lib/python3.11/site-packages/kit --output /usr/share/kit/image.json
COPY . /kit/
USER 1000:1000
ENTRYPOINT ["python", "-m", "pytest", "-p", "no:cacheprovider"]
CMD []

FROM base AS train
COPY --from=packages /opt/venv /opt/venv
COPY --from=kit /kit /opt/venv
RUN --mount=type=bind,source=docker/sbom.py,target=/run/sbom.py \
    python /run/sbom.py kit-train "$TARGETARCH" --packages /opt/venv/lib/python3.11/site-packages \
      --own /opt/venv/lib/python3.11/site-packages/kit --output /usr/share/kit/image.json
USER 1000:1000
