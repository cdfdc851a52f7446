"""Build the compiled operations beside their sources: `python -m kit.stages.tensorflow.ops.build`.

The compiler is zig's clang from the package index, and the target a fixed processor and C library, so that builds are
byte-identical on every machine. The library's name contains a digest of its sources, compiler and flags, so a stale one is
never loaded.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from kit.errors import KitError

FOLDER = Path(__file__).parent
COMPILER = "0.17.1"  # of the package `ziglang`, as pyproject.toml and the lock pin it
_GLIBC = "2.31"
_FLAGS = [
    *("-std=c++17", "-nostdlib++", "-fno-exceptions", "-fno-rtti", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra"),
    *("-O3", "-g0", "-fno-sanitize=all"),  # zig checks for undefined behaviour otherwise
    *("-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"),  # each sum as it is written, vectors allowed
]
_AVX512 = "avx512f+avx512bw+avx512cd+avx512dq+avx512vl"
_SETS: dict[str, dict[str, list[str]]] = {  # what kernels.cpp is compiled for
    "x86_64": {
        "sse2": ["-mcpu=x86_64"],
        "avx2": ["-mcpu=x86_64+avx2+fma"],
        "avx512": [f"-mcpu=x86_64+avx2+fma+{_AVX512}", "-mprefer-vector-width=512"],
    },
    "aarch64": {"portable": []},
}
_NEEDED = ("libtensorflow_framework.so.2", "libm.so.6", "libc.so.6")


def sources() -> list[Path]:
    return sorted([*FOLDER.glob("*.cpp"), *FOLDER.glob("*.h")])


def machine() -> str:
    """`x86_64` or `aarch64`. Raises KitError on another machine."""
    found = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine())
    if found not in _SETS or platform.system() != "Linux":
        raise KitError(
            f"there are no compiled training operations for {platform.system()} on {found}",
            'set training_ops = "tensorflow" in the preset',
        )
    return found


def digest(target: str) -> str:
    """SHA-256 of all that decides the library's bytes: sources, compiler, flags."""
    total = hashlib.sha256(repr((COMPILER, _GLIBC, _FLAGS, _SETS[target], _NEEDED)).encode())
    for path in sources():
        total.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()


def path() -> Path:
    """Where this machine's library is, or will be."""
    return FOLDER / f"kitops-{machine()}-{digest(machine())[:16]}.so"


def build(target: str, output: Path) -> None:
    """Compile and link. Raises KitError with the compiler's message."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compiler = ["c++", "-target", f"{target}-linux-gnu.{_GLIBC}", *_FLAGS, "-c"]
        objects = [folder / f"{part}.o" for part in (*_SETS[target], "operations", "empty")]
        (folder / "empty.cpp").touch()
        kernels = [[*compiler, *flags, f"-DISA={isa}", "kernels.cpp"] for isa, flags in _SETS[target].items()]
        others = [[*compiler, "operations.cpp"], [*compiler, str(folder / "empty.cpp")]]
        _run(folder, [[*own, "-o", str(to)] for own, to in zip([*kernels, *others], objects, strict=True)])
        # Stand-ins of which only the names get into the library; the process has the real ones loaded.
        linker = ["ld.lld", "-shared", "-s"]
        stand_ins = [folder / needed for needed in _NEEDED]
        _run(folder, [[*linker, "-soname", own.name, str(objects[-1]), "-o", str(own)] for own in stand_ins])
        linked, parts = folder / "kitops.so", map(str, [*objects[:-1], *stand_ins])
        _run(folder, [[*linker, "-soname", linked.name, *parts, "-o", str(linked)]])
        part = output.with_suffix(".part")
        part.write_bytes(linked.read_bytes())
        part.chmod(0o755)
        part.replace(output)


def _run(folder: Path, commands: list[list[str]]) -> None:
    """Run zig with each of these argument lists, in parallel."""
    caches = {f"ZIG_{kind}_CACHE_DIR": str(folder / kind.lower()) for kind in ("GLOBAL", "LOCAL")}
    zig = [sys.executable, "-m", "ziglang"]
    running = [
        subprocess.Popen(
            [*zig, *own], cwd=FOLDER, env=os.environ | caches, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for own in commands
    ]
    said = [process.communicate()[0] for process in running]
    for process, text in zip(running, said, strict=True):
        if process.returncode:
            raise KitError("the training operations do not compile", text.strip())


def _require_compiler() -> None:
    try:
        found = metadata.version("ziglang")
    except metadata.PackageNotFoundError:
        found = "none"
    if found != COMPILER:
        raise KitError(f"ziglang {COMPILER} is needed, but {found} is installed", f"pip install ziglang=={COMPILER}")


def main() -> None:
    """Build this machine's library unless it exists, and delete those of earlier sources."""
    try:
        wanted = path()
        if not wanted.is_file():
            _require_compiler()
            build(machine(), wanted)
    except KitError as error:
        sys.exit(f"error: {error}")
    for stale in FOLDER.glob("kitops-*"):
        if stale != wanted:
            stale.unlink()
    print(f"{wanted.name}  {hashlib.sha256(wanted.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
