"""Several trainings of the same networks as one row each: means over the seeds, and every process that measured one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from msgspec.structs import replace

from kit.analysis.descriptive import Accuracy, Studied
from kit.analysis.measurement import BenchResult, Series, joined
from kit.analysis.results import Result, in_one_series
from kit.study.grid import Point


def merged(each: Iterable[Result]) -> list[Result]:
    """One row a point: accuracies and sizes are means over the trainings that have it, a bench has the processes of all."""
    by_point: dict[Point, list[Result]] = {}
    for r in each:
        by_point.setdefault(r.point, []).append(r)
    return in_one_series([own[0] if len(own) == 1 else _merged(own) for own in by_point.values()])


def _merged(results: Sequence[Result]) -> Result:
    """One row for a cell: means over the trainings that have it, and benches by series."""
    sizes = [r.size_bytes for r in results if r.size_bytes is not None]
    packed = [r.gzip_bytes for r in results if r.gzip_bytes is not None]
    return replace(
        results[0],
        weights=next((r.weights for r in results if r.weights), None),
        size_bytes=round(fmean(sizes)) if sizes else None,
        gzip_bytes=round(fmean(packed)) if packed else None,
        test=_mean_accuracy([r.test for r in results if r.test]),
        train=_mean_accuracy([r.train for r in results if r.train]),
        stale={name: why for r in results for name, why in r.stale.items()},
        benches=tuple(_merged_benches([bench for r in results for bench in r.benches])),
    )


def _mean_accuracy(found: Sequence[Accuracy]) -> Accuracy | None:
    if len(found) < 2:
        return found[0] if found else None
    tied = [one.tied for one in found if one.tied is not None]
    studied = [one.studied for one in found if one.studied is not None]
    return Accuracy(
        n=found[0].n,
        loss=fmean(one.loss for one in found),
        top1=fmean(one.top1 for one in found),
        top3=fmean(one.top3 for one in found),
        by_class=_means([one.by_class for one in found]),
        tied=fmean(tied) if len(tied) == len(found) else None,
        studied=Studied(
            fmean(one.top1 for one in studied),
            fmean(one.top3 for one in studied),
            _means([one.by_class for one in studied]),
        )
        if len(studied) == len(found)
        else None,
    )


def _means(rows: Sequence[Sequence[float]]) -> tuple[float, ...]:
    return tuple(fmean(column) for column in zip(*rows, strict=True))


def _merged_benches(benches: Sequence[BenchResult]) -> Iterable[BenchResult]:
    """One bench a series, with the processes of all that are valid; where none is, the first."""
    groups: dict[Series, list[BenchResult]] = {}
    for bench in benches:
        groups.setdefault(bench.series, []).append(bench)
    for group in groups.values():
        valid = [bench for bench in group if bench.is_valid] or group[:1]
        yield valid[0] if len(valid) == 1 else joined(valid)
