"""The one definition of a latency and of a peak memory."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kit.analysis import measurement, statistics
from kit.analysis.measurement import of_processes, of_record, of_values, resampled
from kit.bench.measure import BenchSeries
from kit.bench.values import BenchValues, Device, Sample
from kit.runs.record import Record, plain
from kit.study.protocols import PROTOCOLS


def processes(*values: list[float]) -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, values))


def test_the_bootstrap_sees_the_noise_of_processes() -> None:
    """Two levels of normal noise: the standard error of the mean of means is known."""
    generator = np.random.default_rng(3)
    found = processes(*(list(100 + shift + generator.normal(0, 1, 101)) for shift in generator.normal(0, 5, 30)))
    draws, means = resampled(found, "mean", "a"), [np.mean(values) for values in found]
    assert draws.mean() == pytest.approx(of_processes(found, "mean"), abs=0.1)
    assert draws.std() == pytest.approx(np.std(means, ddof=1) / math.sqrt(30), rel=0.05)
    assert (draws == resampled(found, "mean", "a")).all()


def test_the_median_of_draws_is_drawn_as_if_each_were() -> None:
    values = list(np.random.default_rng(4).lognormal(size=25))
    by_draws = np.median(np.random.default_rng(5).choice(values, (20_000, 25)), axis=1)
    own = resampled(processes(values, values), "median", "b") - of_processes(processes(values, values), "median")
    assert own.std() == pytest.approx(by_draws.std(), rel=0.05)  # the median of two is their mean, widened by sqrt(2)


def test_the_mean_of_draws_is_drawn_as_if_each_were() -> None:
    values = list(np.random.default_rng(4).lognormal(size=50))
    by_draws = np.random.default_rng(5).choice(values, (20_000, 50)).mean(axis=1)
    own = resampled(processes(values, values), "mean", "c")
    assert own.std() == pytest.approx(by_draws.std(), rel=0.05)


def test_a_ratio_and_what_it_lies_within() -> None:
    generator = np.random.default_rng(6)
    fast, slow = (processes(*(list(generator.normal(us, us / 100, 50)) for _ in range(5))) for us in (100, 300))
    figures = [(of_processes(one, "median"), resampled(one, "median", str(i))) for i, one in enumerate((fast, slow))]
    found = statistics.ratio(figures[1], figures[0], 500, 2.5)
    assert found.low < 3 < found.high and found.p_above < 0.001 and found.p_below == pytest.approx(1)
    inside, p, against = statistics.tested(lambda bound: statistics.ratio(figures[0], figures[0], 500, bound), 0.9, 1.1)
    assert inside.value == 1 and p < 0.001 and against == 1
    above, below = (
        statistics.tested(lambda b: statistics.ratio(figures[1], figures[0], 500, b), *own)
        for own in ((2.5, None), (None, 2.5))
    )
    assert above[1] == below[2] < 0.001 < above[2] == below[1]
    assert statistics.tested(lambda bound: statistics.ratio(figures[1], figures[0], 500, bound), 0.9, 1.1)[2] < 0.001
    rest = statistics.rest(found)
    assert rest.low < -2 < rest.high and (rest.p_below, rest.p_above) == (found.p_above, found.p_below)


def test_one_process_is_a_point() -> None:
    one = processes([3.0, 4.0, 5.0])
    single = of_processes(one, "median"), resampled(one, "median", "a")
    found = statistics.ratio(single, single, 6)
    assert found.is_point and found.value == 1


def bench(protocol: str, *latencies_us: list[float]) -> measurement.BenchResult:
    samples = tuple(
        Sample(tuple(round(us * 1000) for us in values), (), 1_000_000, 3_000_000 + index, 10, 4, 2)
        for index, values in enumerate(latencies_us)
    )
    settings = BenchSeries(PROTOCOLS[protocol], "tflite", "none", 1).settings("pi", 0)
    return of_values(settings, BenchValues("device", Device("Pi"), samples, validity="valid"), "a/bench.json")


def test_the_protocol_says_the_statistic() -> None:
    skewed = [1.0] * 49 + [3.0]
    paper, rigorous = bench("paper", skewed).latency, bench("rigorous", skewed, [2.0], [9.0]).latency
    assert (paper.value, paper.statistic, paper.interval, paper.n) == (pytest.approx(1.04), "mean", None, 50)
    assert (rigorous.value, rigorous.statistic, rigorous.n) == (2.0, "median", 52)
    assert rigorous.interval and rigorous.interval[0] < 2 < rigorous.interval[1]


def test_memory_is_the_growth_of_each_process() -> None:
    memory = bench("rigorous", [1.0], [1.0], [1.0]).memory
    assert (memory.value, memory.unit, memory.n) == (2_000_001, "B", 3)
    assert str(bench("paper", [1.0]).delegation) == "4/10"


def test_an_invalid_measurement_always_has_a_reason() -> None:
    values = BenchValues("device", Device("Pi"), (Sample((1,), (), 1, 2),), validity="invalid")
    found = of_values(BenchSeries(PROTOCOLS["paper"], "tflite", "none", 1).settings("pi", 0), values)
    assert not found.is_valid and found.latency.invalid_reasons == ("invalid",) and found.delegation is None


def local(*features: str) -> measurement.Series:
    """The series of what a PC of a common name measured."""
    settings = BenchSeries(PROTOCOLS["paper"], "tflite", "none", 1).settings("local", 0)
    values = BenchValues("local", Device("AMD EPYC"), (Sample((1,), (), 1, 2),))
    machine = {"processor": "AMD EPYC", "processor_features": list(features)}
    record = Record(
        format=1, stage="bench", cell="a", version=1, settings=plain(settings), inputs={}, outputs={}, values=plain(values),
        environment=machine, started="", duration_s=0.0, fingerprint="",
    )  # fmt: skip
    return of_record(record, "a/bench.json").series


def test_processors_of_one_name_with_other_vector_instructions_are_not_compared() -> None:
    assert local().device == "AMD EPYC"
    assert local("avx", "avx2", "avx512f").device == "AMD EPYC, AVX-512"
    assert local("avx", "avx2").device == "AMD EPYC, AVX2"
    assert local("avx2", "fma") == local("avx", "avx2") != local("avx2", "avx512f")
