# What runs on the Pi: Python 3.11, numpy, one or two interpreters and the agent. No shell, no model, nothing else.
#
#   target `tflite`    tflite-runtime only
#   target `both`      tflite-runtime and ai-edge-litert (the default)
#   target `pictures`  tflite-runtime and Pillow, and no agent: what an exported classify.py needs
#
# All files are collected on the building machine's own architecture, so that an arm64 image needs no emulation to be built.
# Whatever enters the image lies under /out, with one date and no caches: two builds give the same image ID.
# To pin the base, give its digest: --build-arg BASE_IMAGE=debian:bookworm-slim@sha256:…  (`kit build` does so by itself
# where a registry is in reach). The base only provides the tools; of it nothing enters the image but Debian's packages.
ARG BASE_IMAGE=debian:bookworm-slim

FROM --platform=$BUILDPLATFORM ${BASE_IMAGE} AS collect
ARG TARGETARCH
ARG SOURCE_DATE_EPOCH=1735689600
ENV DEBIAN_FRONTEND=noninteractive PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /collect
RUN --mount=type=secret,id=ca,target=/run/ca.crt <<'SCRIPT'
set -eu
ca=""; [ ! -s /run/ca.crt ] || ca="-o Acquire::https::CAInfo=/run/ca.crt"
dpkg --add-architecture "$TARGETARCH"
apt-get $ca update -q
apt-get $ca install -q -y --no-install-recommends python3-pip
mkdir debs && cd debs
apt-get $ca download -q $(sed "s/$/:$TARGETARCH/" <<'PACKAGES'
libc6
libgcc-s1
libstdc++6
zlib1g
libexpat1
libffi8
libbz2-1.0
liblzma5
libssl3
libpython3.11-minimal
libpython3.11-stdlib
python3.11-minimal
PACKAGES
)
for deb in *.deb; do dpkg-deb -f "$deb" Package Version; echo; done > ../debian.txt
SCRIPT
COPY docker/requirements-pi.txt docker/requirements-pi-litert.txt docker/requirements-pi-pictures.txt ./
RUN --mount=type=secret,id=ca,target=/run/ca.crt <<'SCRIPT'
set -eu
[ ! -s /run/ca.crt ] || export PIP_CERT=/run/ca.crt
case "$TARGETARCH" in amd64) machine=x86_64 ;; arm64) machine=aarch64 ;; *) echo "no wheels for $TARGETARCH"; exit 1 ;; esac
platforms=""
for tag in 2014 _2_17 _2_24 _2_26 _2_27 _2_28 _2_31 _2_34; do platforms="$platforms --platform manylinux${tag}_$machine"; done
options="--quiet --require-hashes --no-deps --no-compile --no-cache-dir --only-binary=:all: --python-version 3.11 $platforms"
pip install $options --target wheels/tflite -r requirements-pi.txt
pip install $options --target wheels/litert -r requirements-pi-litert.txt
pip install $options --target wheels/pillow -r requirements-pi-pictures.txt
SCRIPT
COPY docker/pi_files.py docker/sbom.py ./
COPY kit/bench/worker programs
RUN for deb in debs/*.deb; do dpkg-deb -x "$deb" tree; done \
 && python3 pi_files.py "$TARGETARCH" "$SOURCE_DATE_EPOCH"

FROM scratch AS tflite
COPY --from=collect /out/python /
COPY --from=collect /out/tflite /
ENV PATH=/usr/bin LANG=C.UTF-8
USER 1000:1000
WORKDIR /work
ENTRYPOINT ["/usr/bin/python3", "/usr/share/kit/agent.py"]

FROM scratch AS pictures
COPY --from=collect /out/python /
COPY --from=collect /out/pillow /
COPY --from=collect /out/pictures /
ENV PATH=/usr/bin LANG=C.UTF-8
USER 1000:1000
WORKDIR /work
ENTRYPOINT ["/usr/bin/python3"]

FROM scratch AS both
COPY --from=collect /out/python /
COPY --from=collect /out/litert /
COPY --from=collect /out/both /
ENV PATH=/usr/bin LANG=C.UTF-8
USER 1000:1000
WORKDIR /work
ENTRYPOINT ["/usr/bin/python3", "/usr/share/kit/agent.py"]
