"""The options that several commands share: their names, their help, and how they complete."""

from pathlib import Path
from typing import Annotated

import typer

from kit.study.protocols import PROTOCOLS


def _architectures() -> list[str]:
    from kit.study.architectures import ARCHITECTURES

    return list(ARCHITECTURES)


def _presets() -> list[str]:
    from kit.study.preset import BUILT_IN

    return list(BUILT_IN)


def _datasets() -> list[str]:
    from kit.study.datasets import DATASETS

    return list(DATASETS)


DatasetName = Annotated[
    str,
    typer.Argument(
        help="Its name, such as cifar10 or digits; a folder of pictures, an .npz file, or a preset with one of those.",
        autocompletion=_datasets,
    ),
]
ImageSize = Annotated[
    int | None,
    typer.Option("--image-size", help="Width and height of your own pictures when prepared, pixels; default: 64."),
]
Pictures = Annotated[str, typer.Argument(help="A folder with one folder of pictures for each class, or an .npz file.")]
NetworkName = Annotated[
    str,
    typer.Option(
        "--network",
        help="module:function of a file here, a .keras or .h5 file, one of keras.applications, or one of the kit's.",
    ),
]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="The preset's file; default: NAME.toml.")]
PresetName = Annotated[
    str,
    typer.Option("--preset", "-p", help="smoke, short, paper, or the path to a TOML file.", autocompletion=_presets),
]
RunFolder = Annotated[Path | None, typer.Option("--run", "-r", help="The run's folder; default: runs/PRESET.")]
RunArgument = Annotated[
    Path, typer.Argument(help="A run's folder, its name in runs/, or its preset's file.", show_default=False)
]
RunArguments = Annotated[
    list[Path],
    typer.Argument(help="Run folders, their names in runs/, or their presets' files.", metavar="RUN...", show_default=False),
]
Patterns = Annotated[
    list[str] | None,
    typer.Argument(
        help="Architectures or cells, such as mobilenet_v2, mobilenet_v2/s60/int8 or '*/s60'; default: all.",
        autocompletion=_architectures,
    ),
]
Data = Annotated[Path, typer.Option("--data", envvar="KIT_DATA", help="Folder for data sets.")]
Archive = Annotated[
    Path | None, typer.Option("--archive", help="A local CIFAR-10 archive (.tar.gz or .tar.xz) instead of a download.")
]
Workers = Annotated[
    int | None, typer.Option("--workers", "-j", min=1, help="Number of parallel processes; default: one per core.")
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        help="Use workers: an address to listen at (tcp://head:8786), local:4, or a file for Slurm (slurm.toml).",
    ),
]
Keys = Annotated[Path | None, typer.Option("--keys", envvar="KIT_CLUSTER_KEYS", help="Folder that `kit cluster keys` made.")]
Insecure = Annotated[bool, typer.Option("--insecure", help="Use a network without keys: it must be yours alone.")]
Mixed = Annotated[bool, typer.Option("--mixed", help="Take workers whose results may differ; records say so.")]
KeepEvery = Annotated[
    float, typer.Option("--keep-every", min=1, help="Seconds after which workers send checkpoints: what a lost one costs.")
]
All = Annotated[bool, typer.Option("--all", help="Include the preset's extra architectures.")]
Replace = Annotated[bool, typer.Option("--replace", help="Overwrite finished weights that were made with other settings.")]
UntilDecided = Annotated[
    list[str] | None,
    typer.Option(
        "--until-decided",
        metavar="CLAIM",
        help="Add seeds until this claim on accuracies is decided, by its number or key; repeat for several.",
    ),
]
MaxSeeds = Annotated[int, typer.Option("--max-seeds", min=2, max=1000, help="The most seeds that --until-decided uses.")]
LanguageName = Annotated[str, typer.Option("--language", "-l", help="Language of the report: en or de.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Runs = Annotated[Path, typer.Option("--runs", envvar="KIT_RUNS", help="Folder for runs.")]
Reports = Annotated[Path, typer.Option("--reports", envvar="KIT_REPORTS", help="Folder for reports.")]
Platforms = Annotated[
    list[str] | None,
    typer.Option("--platform", help="linux/amd64 or linux/arm64; default: this machine's for train, linux/arm64 for pi."),
]
Ca = Annotated[
    Path | None,
    typer.Option(
        "--ca",
        envvar=["KIT_CA", "PIP_CERT", "SSL_CERT_FILE"],
        help="CA certificate of a proxy that re-signs TLS; never stored in an image layer.",
    ),
]
ProtocolName = Annotated[str, typer.Option("--protocol", help=f"{', '.join(PROTOCOLS)}; default: that of the run's preset.")]
Interpreters = Annotated[
    list[str] | None,
    typer.Option(
        "--interpreter", help="litert (default on this machine) or tflite (the study's; default on a host); repeat for both."
    ),
]
Delegates = Annotated[
    list[str] | None,
    typer.Option("--delegate", help="none (built-in kernels) or xnnpack; repeat for both; default: those of the protocol."),
]
Hosts = Annotated[
    list[str] | None,
    typer.Option("--host", help="A host to measure on over SSH, such as pi.local; repeat for several in parallel."),
]
User = Annotated[str, typer.Option("--user", help="User on the host; default: from the SSH configuration.")]
Port = Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Port of the host's SSH server.")]
Identity = Annotated[Path | None, typer.Option("--identity", help="Private key file.")]
SshConfig = Annotated[
    Path | None,
    typer.Option("--ssh-config", envvar="KIT_SSH_CONFIG", help="SSH configuration file; default: ~/.ssh/config."),
]
ImageTag = Annotated[str, typer.Option("--image", help="The Pi image on this machine; kit-pi:arm64-tflite is smaller.")]
IMAGE = "kit-pi:arm64"

DATA, RUNS, REPORTS = Path("data"), Path("runs"), Path("reports")
KEEP_EVERY_S = 180.0
