"""Where a number comes from: the machine and the versions of everything involved."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path

from kit import __version__
from kit.containers import image

PACKAGES = (
    "tensorflow",
    "tf-keras",
    "tensorflow-model-optimization",
    "ai-edge-litert",
    "tflite-runtime",
    "numpy",
    "scikit-learn",
)

_FEATURES = ("sse4_", "avx", "fma", "amx", "f16c", "asimd", "sve", "i8mm", "bf16")
_CPUINFO = Path("/proc/cpuinfo")
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


@cache
def environment(runs: Path) -> dict[str, object]:
    """The machine and the packages, as recorded with every stage. No host name, no user name, no path. In the
    folder `runs` has the records of images."""
    return {
        "kit": __version__,
        "python": platform.python_version(),
        "packages": packages(),
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "processor": processor(),
        "processor_features": processor_features(),
        "l1d_cache_bytes": l1d_cache_bytes(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "image": image.identity(runs),
    }


def packages() -> dict[str, str]:
    """The versions of those that are installed."""
    return {name: found for name in PACKAGES if (found := version(name))}


def version(package: str) -> str:
    """That of an installed package; "" for any other."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _cpuinfo(*names: str) -> str:
    """The first line of the system's description of the processor that begins with one of `names`; "" without one."""
    lines = _CPUINFO.read_text(errors="replace").splitlines() if _CPUINFO.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(names)), "")


def processor() -> str:
    """The name of this machine's processor, on x86 with its family and model: virtual ones of several generations have one
    name."""
    name = _cpuinfo("model name", "Model") or platform.processor() or "unknown"
    family, model = _cpuinfo("cpu family"), _cpuinfo("model\t")
    return f"{name} (family {family}, model {model})" if family and model else name


def processor_features() -> list[str]:
    """The vector and matrix instructions by which TensorFlow and the interpreters choose their kernels, sorted."""
    flags = _cpuinfo("flags", "Features").split()
    return sorted(flag for flag in flags if flag.startswith(_FEATURES))


def processor_vendor() -> str:
    """`GenuineIntel` or `AuthenticAMD`; on Arm, the number of the implementer."""
    return _cpuinfo("vendor_id", "CPU implementer")


def l1d_cache_bytes() -> int:
    """The size of a core's first data cache, by which TFLite cuts the float32 sums of a calibration; 0 if it isn't known."""
    for folder in sorted(_CACHES.glob("index*")):
        with suppress(OSError, ValueError):
            level, kind, size = ((folder / name).read_text().strip() for name in ("level", "type", "size"))
            if level == "1" and kind != "Instruction":
                return int(size.removesuffix("K")) * 1024
    return 0
