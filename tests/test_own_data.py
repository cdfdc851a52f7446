"""From a folder of pictures and a file with twenty lines to a report, through the front door."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kit.study.preset import load
from tests.conftest import Kit

ROOT = Path(__file__).parents[1]
NETWORK = ROOT / "benchmarks" / "my_net.py"
CODE = NETWORK.read_text() + '\n\nopen("it-ran", "w").close()\n'
SAVE = "import my_net; my_net.build((16, 16, 3), 5).save('mine.keras')"
FEWER = {"epochs = 40": "epochs = 2", "patience_epochs = 40": "patience_epochs = 2", '"float32", "int8"': '"int8"'}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """A folder with pictures, a network, and a finished run of both it and a trained one."""
    kit = Kit(tmp_path_factory.mktemp("own"))
    runpy.run_path(str(ROOT / "benchmarks" / "tiles.py"))["make"](kit.folder / "pictures", 22)
    (kit.folder / "my_net.py").write_text(CODE)
    subprocess.run([sys.executable, "-c", SAVE], cwd=kit.folder, check=True, capture_output=True)
    said = kit("new", "pictures/", "--network", "my_net:build", "--image-size", "16")
    assert "sky/broken.jpg: Truncated File Read" in said and "written: pictures.toml" in said
    path = kit.folder / "pictures.toml"
    text = path.read_text().replace("[training]", '[architectures.given]\nmodel = "mine.keras"\n\n[training]')
    for many, few in FEWER.items():
        text = text.replace(many, few)
    path.write_text(re.sub(r"steps = 4, epochs = \d+", "steps = 2, epochs = 1", text))
    said = kit("reproduce", "--preset", "pictures.toml", "my_net/s50", "given/s50")
    assert said.count("runs my_net.py to build my_net\n") == 1 and said.count("to build") == 1
    return kit


def test_a_run_of_ones_own_says_all_and_needs_no_pictures(own: Kit) -> None:
    run, report = own.folder / "runs" / "pictures", own.folder / "reports" / "pictures"
    kept = json.loads((run / "preset.json").read_text())
    assert kept["dataset"]["found"]["classes"] == ["blossom", "leaves", "pagoda", "sky", "trees"]
    assert kept["architectures"] == ["my_net", "given"] and len(kept["networks"]["given"]["sha256"]) == 64
    given = json.loads((run / "given@1" / "s00" / "train.json").read_text())
    assert given["settings"].keys() == {"architecture", "network", "seed", "validation_images"}
    assert len(given["values"]["history"]) == 1 and given["values"]["best_epoch"] == 0
    trained = json.loads((run / "my_net@1" / "s00" / "train.json").read_text())
    assert trained["settings"]["network"]["function"] == "build" and len(trained["values"]["history"]) == 2
    pruned = json.loads((run / "my_net@1" / "s50" / "prune.json").read_text())
    assert pruned["values"]["history"][-1]["extra"]["mask_sparsity"] == pytest.approx(0.5 * 7 / 8, abs=0.02)
    page = (report / "report.html").read_text()
    assert "given@1/s50/int8" in page and "blossom" in page
    (own.folder / "pictures").rename(own.folder / "away")
    shutil.move(own.folder / "data", own.folder / "data-away")
    try:
        assert "all 10 records hold" in own("verify", "pictures")
        assert re.search(r"my_net@1/s50 .*===", own("status", "pictures"))
        assert "there is no folder pictures" in own("evaluate", "pictures", code=1)
    finally:
        (own.folder / "away").rename(own.folder / "pictures")
        shutil.move(own.folder / "data-away", own.folder / "data")


def test_another_network_or_another_picture_does_not_overwrite_a_training(own: Kit) -> None:
    path, picture = own.folder / "my_net.py", own.folder / "pictures" / "sky" / "000.png"
    asked = ("reproduce", "--preset", "pictures.toml", "my_net/s50")
    path.write_text(CODE + "\n# changed\n")
    assert re.search(
        r"finished trainings of other settings, .*: train my_net@1/s00 has network.sha256 ", own(*asked, code=1)
    )
    path.write_text(CODE)
    content = picture.read_bytes()
    picture.write_bytes((own.folder / "pictures" / "trees" / "000.png").read_bytes())
    assert "images that are no longer those of the data set" in own(*asked, code=1)
    picture.write_bytes(content)
    assert "train my_net@1/s00: about 15 s (stale" in own(*asked, "--dry-run")  # its time of change is another
    assert "prepared: data/pictures-" in own("data", "pictures.toml")
    assert "0 of 5 tasks" in own(*asked, "--dry-run")


def test_a_strangers_run_is_looked_at_without_running_what_it_names(own: Kit) -> None:
    """Its records hold and its code is there, as if both came out of one archive."""
    run, ran = own.folder / "runs" / "pictures", own.folder / "it-ran"
    assert ran.is_file(), "the network was built"
    ran.unlink()
    cell = "my_net@1/s50/int8"
    for asked in (
        ("verify", "pictures"), ("status", "pictures"), ("report", "pictures"), ("bench", "pictures", cell),
        ("export", "pictures", cell), ("publish", "pictures", "bundle"), ("evaluate", "pictures", "my_net/s50"),
        ("predict", f"pictures/{cell}", "pictures/sky/000.png"),
        ("reproduce", "--preset", "pictures.toml", "my_net/s50", "--dry-run"),
    ):  # fmt: skip
        own(*asked)
    assert not ran.exists()
    shutil.copytree(run, own.folder / "elsewhere" / "runs" / "pictures")
    (own.folder / "elsewhere" / "runs" / "pictures" / "my_net@1" / "s50" / "prune.json").unlink()
    preset = own.folder / "elsewhere" / "runs" / "pictures" / "preset.json"
    preset.write_text(preset.read_text().replace('"my_net:build"', f'"{own.folder}/my_net:build"'))
    data = str(own.folder / "data")
    said = own("compress", "pictures", "--data", data, code=1, cwd=own.folder / "elsewhere")
    assert "error: only runs/pictures/preset.json names /" in said and "if you know both, name your preset" in said
    assert not ran.exists()


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ("nope:build", "architecture nope comes from nope.py, which does not exist: correct its path"),
        ("nope.keras", "architecture nope comes from nope.keras, which does not exist: correct its path"),
        ("my_net:biuld", "my_net.py has no function biuld: it must take a shape and a number of classes"),
        ("my_net:Input", "my_net.py has no function Input: it must take a shape and a number of classes"),
        ("broken.py:build", "broken.py, line 2: SyntaxError: invalid syntax: correct broken.py"),
        ("my-net:build", "write it as my_net:build, a module and a function of letters, digits and _"),
        ("mobilnet_v2", "unknown network 'mobilnet_v2': did you mean mobilenet_v2? Else give module:function"),
        ("my_net.py", "unknown network 'my_net.py': give module:function of a file here"),
        ("ResNet51", "unknown network of keras.applications 'ResNet51': did you mean ResNet50? Known: ConvNeXtBase, "),
    ],
)
def test_a_network_that_is_not_there_is_said_before_any_picture_is_read(kit: Kit, network: str, said: str) -> None:
    (kit.folder / "pictures" / "empty").mkdir(parents=True)
    (kit.folder / "broken.py").write_text("x = 1\nit is = no Python\n")
    shutil.copy(NETWORK, kit.folder)
    shown = kit("new", "pictures/", "--network", network, code=1)
    assert said in shown and shown.startswith("error: ") and len(shown.splitlines()) == 1
    assert not (kit.folder / "pictures.toml").exists() and not (kit.folder / "data").exists()


def test_the_program_that_makes_pictures_says_how_it_is_called() -> None:
    argv = [sys.executable, ROOT / "benchmarks" / "tiles.py"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "`python benchmarks/tiles.py FOLDER`" in done.stderr and "Traceback" not in done.stderr


def test_a_dry_run_reads_no_picture(kit: Kit) -> None:
    runpy.run_path(str(ROOT / "benchmarks" / "tiles.py"))["make"](kit.folder / "pictures", 20)
    kit("new", "pictures/", "--network", "mobilenet_v2", "--image-size", "32", "--data", "elsewhere")
    asked = ("reproduce", "--preset", "pictures.toml", "--dry-run")
    assert "prune mobilenet_v2@1/s80: about" in kit(*asked)
    assert " with 1 worker (" in kit(*asked, "--workers", "1")
    assert not (kit.folder / "data").exists()
    assert "pictures.toml exists already" in kit("new", "pictures/", code=1)


def test_a_preset_in_another_folder_names_what_is_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    shutil.copy(NETWORK, tmp_path / "sub")
    text = (ROOT / "kit" / "study" / "presets" / "smoke.toml").read_text()
    text = re.sub(r"^dataset = .*$", "", text, flags=re.M)
    text = re.sub(r"^(extra_)?architectures = .*$", "", text, flags=re.M)
    text += '\n[dataset]\nfolder = "flowers"\n[architectures.my_net]\nbuild = "my_net:build"\n[architectures.mobilenet]\n'
    text = re.sub(r"^\[training.learning_rates\]\n(\w+ = .*\n)*", "", text, flags=re.M)
    (tmp_path / "sub" / "flowers.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    for name in ("sub/flowers.toml", str(tmp_path / "sub" / "flowers.toml")):
        preset = load(name)
        assert preset.architectures == ("my_net", "mobilenet") and list(preset.networks) == ["my_net"]
        assert preset.networks["my_net"].build == "sub/my_net:build"
        assert preset.dataset.source == "sub/flowers"  # type: ignore[union-attr]


def test_the_page_shows_the_network_that_it_is_about() -> None:
    code = NETWORK.read_text().partition('"""\n\n')[2]
    assert code and code in (ROOT / "docs" / "own-data.md").read_text()
