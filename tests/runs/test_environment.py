"""What a record says of the machine."""

from pathlib import Path

import pytest

from kit.runs import environment

EPYC = "processor\t: 0\ncpu family\t: 26\nmodel\t\t: 2\nmodel name\t: AMD EPYC\nflags\t\t: fpu avx\n"
PI = "processor\t: 0\nBogoMIPS\t: 108.00\n\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n"


@pytest.mark.parametrize(
    ("cpuinfo", "name"), [(EPYC, "AMD EPYC (family 26, model 2)"), (PI, "Raspberry Pi 4 Model B Rev 1.4")]
)
def test_processors_of_one_name_are_told_apart_by_family_and_model(
    cpuinfo: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    monkeypatch.setattr(environment, "_CPUINFO", tmp_path / "cpuinfo")
    assert environment.processor() == name


@pytest.mark.parametrize(
    ("caches", "size_bytes"),
    [
        ((("1", "Data", "48K"), ("1", "Instruction", "32K"), ("2", "Unified", "1024K")), 49152),
        ((("1", "Instruction", "32K"), ("1", "Data", "32K")), 32768),
        ((("1", "Data", ""), ("2", "Unified", "512K")), 0),
        ((), 0),
    ],
)
def test_the_first_data_cache(
    caches: tuple[tuple[str, str, str], ...], size_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index, values in enumerate(caches):
        (folder := tmp_path / f"index{index}").mkdir()
        for name, value in zip(("level", "type", "size"), values, strict=True):
            (folder / name).write_text(f"{value}\n")
    monkeypatch.setattr(environment, "_CACHES", tmp_path)
    assert environment.l1d_cache_bytes() == size_bytes
