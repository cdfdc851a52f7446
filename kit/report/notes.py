"""What a number needs beside it: n, spread, and where it was measured."""

from __future__ import annotations

from kit.report.language import Language
from kit.report.results import Latency, Result
from kit.study.published import published


def accuracy(results: list[Result], language: Language) -> str:
    """Of top-1, top-3 and loss."""
    n = sorted({r.test.n for r in results if r.test})
    if not n:
        return ""
    return language.tr(
        "All {n} test images through the .tflite file; intervals are Wilson's at 95 %. One training for each architecture.",
        n=n,
    )


def diamonds(are_shown: bool, language: Language) -> str:
    """Of published points in a figure."""
    if not are_shown:
        return ""
    known = published()
    return " " + language.tr(
        "Diamonds are the study's published values (n = {n} test images, one training; times and memory on a {device}).",
        n=known.test_images, device=known.device,
    )  # fmt: skip


def sizes(language: Language) -> str:
    """Of file sizes and parameters."""
    return language.tr("Exact: n = 1, no spread. File sizes in units of 1,000 bytes; gzip at level 9.")


def latency(results: list[Result], language: Language) -> str:
    """Of latencies: one sentence for each place and way of measuring."""
    measured = dict.fromkeys(_conditions(r.latency) for r in results if r.latency)
    return " ".join(_how_measured(*conditions, language=language) for conditions in measured)


def _how_measured(
    n: int, processes: int, threads: int, interpreter: str, origin: str, device: str, language: Language
) -> str:
    return language.tr(
        "Latency: n = {n} single inferences in {processes} fresh processes, number of threads: {threads}, {interpreter}, on "
        "{origin}: {device}.",
        n=n, processes=processes, threads=threads, interpreter=interpreter, origin=origin_name(origin, language),
        device=device,
    )  # fmt: skip


def memory(results: list[Result], language: Language) -> str:
    """Of peak memory."""
    n = sorted({r.memory_bytes.n for r in results if r.memory_bytes})
    if not n:
        return ""
    return language.tr(
        "Peak memory: growth of the peak RSS by loading and running the model, median of n = {n} processes there.", n=n
    )


def origin_name(origin: str, language: Language) -> str:
    """Where something was measured, in words."""
    names = {
        "device": language.tr("the device"),
        "host": language.tr("this computer (not the study's device)"),
        "emulated": language.tr("an emulated processor (no device's speed)"),
    }
    return names.get(origin, origin)


def _conditions(latency: Latency) -> tuple[int, int, int, str, str, str]:
    return latency.spread.n, latency.processes, latency.threads, latency.interpreter, latency.origin, latency.device
