"""The files of the Pi image: unpacked packages without what an agent never needs, compiled once, under one date.

    python3 pi_files.py ARCHITECTURE SECONDS_SINCE_1970

Reads `tree` (unpacked Debian packages), `wheels/tflite`, `wheels/litert`, `wheels/pillow` and the kit's own `programs`;
writes one folder for each layer to /out.
"""

import compileall
import os
import py_compile
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import sbom

OUT = Path("/out")
SITE = "usr/lib/python3/dist-packages"
STDLIB = "usr/lib/python3.11"

# Wanted of Debian's packages; the rest is documentation, locale data and tools.
KEPT = ("usr/bin/python3.11", STDLIB, "usr/lib/*-linux-gnu*/*.so*", "usr/lib/ld-linux*", "usr/lib64/ld-linux*")
DROPPED_FROM_STDLIB = (
    "test", "idlelib", "tkinter", "turtledemo", "turtle.py", "lib2to3", "distutils", "ensurepip", "venv", "pydoc_data",
    "pydoc.py", "sqlite3", "curses", "dbm", "wsgiref", "xmlrpc", "config-3.11-*", "_sysconfigdata*", "antigravity.py",
    "lib-dynload/_sqlite3*", "lib-dynload/_curses*", "lib-dynload/_dbm*", "lib-dynload/_gdbm*", "lib-dynload/readline*",
    "lib-dynload/nis*", "lib-dynload/_tkinter*", "lib-dynload/_uuid*", "lib-dynload/_test*", "lib-dynload/_xxtest*",
    "lib-dynload/ossaudiodev*", "lib-dynload/_codecs_*", "lib-dynload/audioop*",
)  # fmt: skip
DROPPED_FROM_WHEELS = (
    "**/tests", "**/*.pyi", "**/*.h", "**/*.a", "**/*.c", "**/*.f90", "**/*.pxd", "**/*.lib", "**/py.typed",
    "bin", "numpy/f2py", "numpy/distutils", "numpy/_pyinstaller", "numpy/doc", "numpy/core/include", "numpy/array_api",
    "ai_edge_litert/libLiteRtWebGpuAccelerator.so", "ai_edge_litert/tools", "*.dist-info/licenses",
)  # fmt: skip


def main(architecture: str, date: int) -> None:
    _python(Path("tree"), OUT / "python", Path("wheels/tflite"))
    for name in ("litert", "pillow"):
        shutil.copytree(_pruned(Path("wheels") / name), OUT / name / SITE)
    agent = sorted(Path("programs").glob("*.py"))
    for image, wheels, programs in (
        ("tflite", ["tflite"], agent),
        ("both", ["tflite", "litert"], agent),
        ("pictures", ["tflite", "pillow"], []),
    ):
        own = OUT / image / "usr/share/kit"
        own.mkdir(parents=True)
        for program in programs:
            shutil.copy(program, own)
        packages = [Path("wheels") / name for name in wheels]
        status = Path("debian.txt")
        sbom.write(
            own / "image.json", sbom.sbom("kit-pi", architecture, status, packages, programs, Path("tree/usr/share/doc"))
        )
    for layer in OUT.iterdir():
        _compile(layer)
        _level(layer, date)


def _python(tree: Path, out: Path, wheels: Path) -> None:
    """The interpreter with its libraries, numpy and tflite-runtime. /lib and /lib64 become links, as in Debian itself."""
    for name in ("lib", "lib64"):
        if (tree / name).is_dir():
            shutil.copytree(tree / name, tree / "usr" / name, symlinks=True, dirs_exist_ok=True)
    for pattern in DROPPED_FROM_STDLIB:
        for path in (tree / STDLIB).glob(pattern):
            _remove(path)
    for source in sorted({path for pattern in KEPT for path in tree.glob(pattern)}):
        target = out / source.relative_to(tree)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir() and not source.is_symlink():
            shutil.copytree(source, target, symlinks=True)
        else:
            shutil.copy2(source, target, follow_symlinks=False)
    for name in ("lib", "lib64"):
        if (out / "usr" / name).is_dir():
            (out / name).symlink_to(f"usr/{name}")
    (out / "usr/bin/python3").symlink_to("python3.11")
    shutil.copytree(_pruned(wheels), out / SITE)
    _user(out)


def _user(out: Path) -> None:
    (out / "etc").mkdir()
    (out / "etc/passwd").write_text("root:x:0:0::/:/sbin/nologin\nkit:x:1000:1000::/tmp:/sbin/nologin\n")
    (out / "etc/group").write_text("root:x:0:\nkit:x:1000:\n")
    for folder in ("tmp", "work"):
        (out / folder).mkdir()
    (out / "tmp").chmod(0o1777)


def _pruned(wheels: Path) -> Path:
    for path in [path for pattern in DROPPED_FROM_WHEELS for path in wheels.glob(pattern)]:
        _remove(path)
    return wheels


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _compile(layer: Path) -> None:
    """Bytecode instead of source: each measurement is a fresh process. Unchecked hashes, because a date would differ between
    builds."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    for folder in (layer / STDLIB, layer / SITE):
        if folder.is_dir():
            compileall.compile_dir(folder, quiet=1, legacy=True, invalidation_mode=mode, stripdir=str(layer), prependdir="/")
            for source in folder.rglob("*.py"):
                if source.with_suffix(".pyc").is_file():
                    source.unlink()


def _level(layer: Path, date: int) -> None:
    """One date for all, and permissions that don't depend on the builder's umask."""
    for path in sorted(_below(layer), reverse=True):
        if not path.is_symlink() and path.name != "tmp":
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (date, date), follow_symlinks=False)


def _below(folder: Path) -> Iterator[Path]:
    yield folder
    yield from folder.rglob("*")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
