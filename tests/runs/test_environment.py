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
