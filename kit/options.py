"""The options that several commands share: their names, their help, and how they complete."""

from pathlib import Path
from typing import Annotated

import typer


def _architectures() -> list[str]:
    from kit.study.architectures import ARCHITECTURES

    return list(ARCHITECTURES)


def _presets() -> list[str]:
    from kit.study.preset import BUILT_IN

    return list(BUILT_IN)


PresetName = Annotated[
    str,
    typer.Option("--preset", "-p", help="smoke, short, paper, or the path of a TOML file.", autocompletion=_presets),
]
RunFolder = Annotated[Path | None, typer.Option("--run", "-r", help="The run's folder; runs/PRESET if left out.")]
RunArgument = Annotated[Path, typer.Argument(help="A run's folder, or its name in runs/.", show_default=False)]
RunArguments = Annotated[
    list[Path], typer.Argument(help="Folders of runs, or their names in runs/.", metavar="RUN...", show_default=False)
]
Patterns = Annotated[
    list[str] | None,
    typer.Argument(
        help="Architectures or cells, such as mobilenet_v2 or mobilenet_v2/s60/int8; all if left out.",
        autocompletion=_architectures,
    ),
]
Data = Annotated[Path, typer.Option("--data", envvar="KIT_DATA", help="Where data sets are kept.")]
Archive = Annotated[
    Path | None, typer.Option("--archive", help="A local CIFAR-10 archive (.tar.gz or .tar.xz) instead of a download.")
]
Workers = Annotated[int | None, typer.Option("--workers", "-j", min=1, help="Processes side by side; one a core.")]
All = Annotated[bool, typer.Option("--all", help="Take the preset's extra architectures too.")]
LanguageName = Annotated[str, typer.Option("--language", "-l", help="en or de, of the report.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Runs = Annotated[Path, typer.Option("--runs", envvar="KIT_RUNS", help="Where runs are kept.")]
Reports = Annotated[Path, typer.Option("--reports", envvar="KIT_REPORTS", help="Where reports are written.")]
Platforms = Annotated[
    list[str] | None,
    typer.Option("--platform", help="linux/amd64 or linux/arm64; of train this machine's, of pi linux/arm64."),
]
Ca = Annotated[
    Path | None,
    typer.Option(
        "--ca",
        envvar=["KIT_CA", "PIP_CERT", "SSL_CERT_FILE"],
        help="The CA of a network that re-signs TLS; it stays in no layer.",
    ),
]
ProtocolName = Annotated[str, typer.Option("--protocol", help="On a host: paper, rigorous or trial.")]
Interpreters = Annotated[
    list[str] | None,
    typer.Option("--interpreter", help="litert (default here) or tflite (the study's; default on a host), or both."),
]
Hosts = Annotated[
    list[str] | None, typer.Option("--host", help="A host reached by SSH, such as pi.local; several side by side.")
]
User = Annotated[str, typer.Option("--user", help="Of the host; else what the SSH configuration says.")]
Port = Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Of the host's SSH server.")]
Identity = Annotated[Path | None, typer.Option("--identity", help="A private key.")]
SshConfig = Annotated[Path | None, typer.Option("--ssh-config", envvar="KIT_SSH_CONFIG", help="Instead of ~/.ssh/config.")]
ImageTag = Annotated[str, typer.Option("--image", help="The Pi image on this machine; kit-pi:arm64-tflite is smaller.")]
IMAGE = "kit-pi:arm64"

DATA, RUNS, REPORTS = Path("data"), Path("runs"), Path("reports")
