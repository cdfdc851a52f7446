"""What must accompany a number: n, spread, and where it was measured."""

from __future__ import annotations

from kit.analysis.measurement import Series
from kit.analysis.results import Result
from kit.report.language import Language
from kit.study.published import published


def accuracy(results: list[Result], language: Language, trainings: int = 1) -> str:
    """Of top-1, top-3 and loss; `trainings` is how many there are of each network."""
    n = sorted({r.test.n for r in results if r.test})
    if not n:
        return ""
    is_older = any(r.test and r.test.tied is None for r in results)
    ties = language.tr("ties unknown") if is_older else language.tr("ties shared evenly")
    if trainings > 1:
        return language.tr(
            "All {n} test images through the .tflite file, {ties}. Means over up to {trainings} trainings of each network, "
            "a point each, with Student's 95 % interval of the mean.",
            n=n, ties=ties, trainings=trainings,
        )  # fmt: skip
    return language.tr(
        "All {n} test images through the .tflite file, {ties}; intervals are Wilson's at 95 %, over the images of one "
        "training.",
        n=n, ties=ties,
    )  # fmt: skip


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
    """For latencies: one sentence for each device and way of measuring."""
    groups: dict[tuple[int, str, Series], set[int]] = {}
    for one in (r.latency for r in results if r.latency):
        groups.setdefault((len(one.processes), one.statistic, one.series), set()).add(one.n)
    return " ".join(
        language.tr(
            "Latency: {statistic}, n = {n} single inferences, fresh processes: {processes}, number of threads: {threads}, "
            "{interpreter}, delegate: {delegate}, on {origin}: {device}.",
            statistic=statistic_name(statistic, language), n=_count(counts, language), processes=processes,
            threads=series.threads, interpreter=series.interpreter, delegate=series.delegate,
            origin=origin_name(series.origin, language), device=series.device,
        )
        for (processes, statistic, series), counts in groups.items()
    )  # fmt: skip


def _count(counts: set[int], language: Language) -> str:
    return language.tr("{low} to {high}", low=min(counts), high=max(counts))


def memory(results: list[Result], language: Language) -> str:
    """Of peak memory."""
    n = sorted({r.memory.n for r in results if r.memory})
    if not n:
        return ""
    return language.tr(
        "Peak memory: growth of the peak RSS by loading and running the model in these processes, n = {n}.", n=n
    )


def statistic_name(statistic: str, language: Language) -> str:
    """Which number summarizes the processes."""
    names = {"mean": language.tr("mean of process means"), "median": language.tr("median of process medians")}
    return names.get(statistic, statistic)


def origin_name(origin: str, language: Language) -> str:
    """Where something was measured, in words."""
    names = {
        "device": language.tr("the device"),
        "local": language.tr("this computer"),
        "emulated": language.tr("an emulated processor (not a device's speed)"),
    }
    return names.get(origin, origin)
