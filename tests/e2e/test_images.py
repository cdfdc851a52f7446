"""The images: small, the same twice, without root, without what the build needed, and described."""

import json
import struct
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Project, copy, run

Records = dict[str, dict[str, Any]]


def sent_bytes(tag: str) -> int:
    """zstd -3 of `docker save`: what goes over the network to a Pi."""
    with subprocess.Popen(["docker", "save", tag], stdout=subprocess.PIPE) as save:
        packed = subprocess.run(["zstd", "-3", "--stdout"], stdin=save.stdout, capture_output=True, check=True)
    assert save.returncode == 0
    return len(packed.stdout)


@pytest.mark.parametrize(
    ("tag", "limit"),
    [("kit-pi:arm64-tflite", 30_000_000), ("kit-pi:arm64-pictures", 40_000_000), ("kit-pi:arm64", 60_000_000)],
)
def test_the_pi_image_is_small_to_send(built: Records, tag: str, limit: int) -> None:
    size = sent_bytes(tag)
    print(f"{tag}: {size:,} bytes")
    assert size <= limit


def inspected(what: str, form: str) -> str:
    return run("docker", "image", "inspect", f"--format={form}", what, cwd=Path("/")).strip()


@pytest.mark.usefixtures("built")
def test_the_pi_image_and_its_base_are_the_same_twice_without_cache(project: Project) -> None:
    """The images that an earlier run of these tests left may hold older Debian packages: only new ones are compared."""

    def made() -> tuple[str, str]:
        record = project.build("pi", "--no-cache")[0]
        return record["id"], inspected(record["base"], "{{.RootFS.Layers}}")

    first, second = made(), made()
    if second != first:  # unless a package has just come out
        first, second = second, made()
    print(first)
    assert second == first  # the base too, so that the next build of kit-train is found in the cache


@pytest.mark.usefixtures("built")
def test_a_new_image_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    def listed() -> set[str]:
        return set(run("docker", "images", "--all", "--quiet", "--no-trunc", cwd=tmp_path).split())

    other = copy(tmp_path)
    before = listed()
    old = inspected("kit-pi:arm64", "{{.Id}}")
    agent = tmp_path / "kit" / "bench" / "worker" / "agent.py"
    source = agent.read_text()
    agent.write_text(source + "# changed\n")
    new = other.build("pi")[0]["id"]
    assert new != old
    assert listed() == before - {old} | {new}
    name = run("docker", "create", "--platform=linux/arm64", "kit-pi:arm64", cwd=tmp_path).splitlines()[0]
    agent.write_text(source)
    assert other.build("pi")[0]["id"] == old
    assert listed() == before | {new}  # a container still uses it
    run("docker", "rm", name, cwd=tmp_path)
    run("docker", "rmi", new, cwd=tmp_path)


def test_the_pi_image_holds_an_agent_and_nothing_else(built: Records, tmp_path: Path) -> None:
    sbom = built["kit-pi:arm64"]["sbom"]
    assert sbom["licences"]["python"]["numpy"] and "GPL" in sbom["licences"]["debian"]["libc6"]
    assert all(record["sbom"]["licences"]["python"].keys() == record["sbom"]["python"].keys() for record in built.values())
    assert sbom["python"] == {"ai-edge-litert": "2.3.0", "numpy": "1.26.4", "tflite-runtime": "2.14.0"}
    assert sbom["debian"]["python3.11-minimal"].startswith("3.11.")
    assert "ai-edge-litert" not in built["kit-pi:arm64-tflite"]["sbom"]["python"]
    program = "import os, sys; print(os.getuid(), sys.version_info[:2], os.listdir('/usr/bin'))"
    said = run(
        "docker",
        "run",
        "--rm",
        "--platform=linux/arm64",
        "--entrypoint=python3",
        "kit-pi:arm64",
        "-c",
        program,
        cwd=tmp_path,
    )
    assert said == "1000 (3, 11) ['python3', 'python3.11']\n"


def test_the_training_image_runs_as_no_root_and_keeps_no_certificate(built: Records, tmp_path: Path) -> None:
    shell = ("docker", "run", "--rm", "--entrypoint=sh", "kit-train", "-c")
    assert run(*shell, "id -u; ls /run /build 2>/dev/null", cwd=tmp_path, code=None).split() == ["1000", "/run:", "lock"]
    assert "ca.crt" not in run("docker", "run", "--rm", "--entrypoint=find", "kit-train", "/", "-xdev", "-name", "ca.crt",
                               cwd=tmp_path, code=None)  # fmt: skip
    sbom = built["kit-train:latest"]["sbom"]
    assert sbom["python"]["tensorflow"] == "2.21.0"
    assert sbom["debian"]["python3"].startswith("3.11.")


def test_doctor_and_a_stale_image(project: Project, built: Records, tmp_path: Path) -> None:
    def found(where: Project) -> dict[str, dict[str, Any]]:
        return {check["what"]: check for check in json.loads(where.kit("doctor", "--json"))}

    checks = found(project)
    for what in ("Docker engine", "Docker Buildx", "Docker Compose", "arm64 programs", "image train", "image pi"):
        assert checks[what]["ok"], checks[what]
    changed = copy(tmp_path)
    agent = tmp_path / "kit" / "bench" / "worker" / "agent.py"
    agent.write_text(agent.read_text() + "\n")
    stale = found(changed)["image pi"]
    assert not stale["ok"] and "stale" in stale["found"] and stale["remedy"] == "kit build pi"


def alignments(program: bytes) -> set[int]:
    """Of a 64-bit ELF file's loadable segments."""
    offset, (size, count) = int.from_bytes(program[32:40], "little"), struct.unpack_from("<HH", program, 54)
    headers = [struct.unpack_from("<IIQQQQQQ", program, offset + index * size) for index in range(count)]
    return {header[7] for header in headers if header[0] == 1}


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("tag", ["kit-pi:arm64", "kit-pi:arm64-pictures"])
def test_a_kernel_with_pages_of_16_kb_can_load_the_pi_image(tag: str, tmp_path: Path) -> None:
    container = run("docker", "create", "--platform=linux/arm64", tag, cwd=tmp_path).strip()
    try:
        run("docker", "export", f"--output={tmp_path / 'image.tar'}", container, cwd=tmp_path)
    finally:
        run("docker", "rm", container, cwd=tmp_path)
    with tarfile.open(tmp_path / "image.tar") as tar:
        files = {member.name: tar.extractfile(member) for member in tar if member.isfile()}
        programs = {name: content for name, file in files.items() if file and (content := file.read())[:4] == b"\x7fELF"}
    assert len(programs) > 30
    assert {name: found for name, content in programs.items() if min(found := alignments(content)) < 16_384} == {}
