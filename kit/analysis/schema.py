"""A run's figures as flat rows for other programs: each column's description is next to it, and part of the schema."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, convert
from msgspec.structs import replace

from kit.analysis.descriptive import Accuracy, wilson
from kit.analysis.measurement import BenchResult
from kit.analysis.results import Result


class Row(Struct, frozen=True, forbid_unknown_fields=True):
    """One cell of one run. What was not recorded is empty in CSV and null in JSON. Rounded to 10 significant digits."""

    run: Annotated[str, Meta(description="The run's name: its folder's.")]
    cell: Annotated[str, Meta(description="architecture@seed/sNN/precision, as in folders and on the command line.")]
    architecture: Annotated[str, Meta(description="The architecture's name.")]
    sparsity_percent: Annotated[int, Meta(description="Nominal sparsity, percent; 0: trained and not pruned.")]
    precision: Annotated[str, Meta(description="float32, int8, integer, float16 or dynamic.")]
    seed: Annotated[int, Meta(description="Seed of weights and of the order of images.")]
    parameters: Annotated[int | None, Meta(description="Number of parameters.")] = None
    nonzero_parameters: Annotated[int | None, Meta(description="Parameters that are not 0, before conversion.")] = None
    achieved_sparsity: Annotated[float | None, Meta(description="Zeros over all parameters, 0 to 1.")] = None
    test_images: Annotated[int | None, Meta(description="n of the test figures: all images of the test set.")] = None
    top1: Annotated[
        float | None, Meta(description="Top-1 accuracy on the test images, 0 to 1, through the .tflite file.")
    ] = None
    top1_low: Annotated[float | None, Meta(description="Lower end of its 95 % Wilson interval.")] = None
    top1_high: Annotated[float | None, Meta(description="Upper end of its 95 % Wilson interval.")] = None
    top3: Annotated[float | None, Meta(description="Top-3 accuracy on the test images, 0 to 1.")] = None
    tied_share: Annotated[
        float | None,
        Meta(description="Share of test images with a tied first place, 0 to 1; above, ties are shared evenly."),
    ] = None
    top1_as_studied: Annotated[
        float | None, Meta(description="Top-1 as the study counted: whatever ties with the first is a hit.")
    ] = None
    top3_as_studied: Annotated[
        float | None, Meta(description="Top-3 as the study counted: whatever ties with the third is a hit.")
    ] = None
    loss: Annotated[float | None, Meta(description="Mean cross-entropy on the test images, nats.")] = None
    train_images: Annotated[int | None, Meta(description="n of the training figure: all training images.")] = None
    train_top1: Annotated[float | None, Meta(description="Top-1 accuracy on the training images, 0 to 1.")] = None
    train_top3: Annotated[float | None, Meta(description="Top-3 accuracy on the training images, 0 to 1.")] = None
    size_bytes: Annotated[int | None, Meta(description="Size of the .tflite file.")] = None
    gzip_bytes: Annotated[int | None, Meta(description="Size of the .tflite file after gzip -9.")] = None
    origin: Annotated[
        str | None, Meta(description="Where times and memory were measured: device, local (the kit's PC) or emulated.")
    ] = None
    device: Annotated[
        str | None, Meta(description="Model of the device, or a PC's processor and widest vector instructions.")
    ] = None
    interpreter: Annotated[str | None, Meta(description="litert or tflite.")] = None
    delegate: Annotated[str | None, Meta(description="none (built-in kernels) or xnnpack.")] = None
    threads: Annotated[int | None, Meta(description="Threads of the interpreter.")] = None
    protocol: Annotated[
        str | None, Meta(description="Name of the protocol, such as rigorous; empty if an older kit had none.")
    ] = None
    validity: Annotated[str | None, Meta(description="valid, invalid or unknown: of the device's state meanwhile.")] = None
    statistic: Annotated[
        str | None, Meta(description="mean (of process means) or median (of process medians): of latency and memory.")
    ] = None
    latency_us: Annotated[float | None, Meta(description="Latency of single inferences, microseconds.")] = None
    latency_low_us: Annotated[float | None, Meta(description="Lower end of its 95 % interval; none for one process.")] = None
    latency_high_us: Annotated[float | None, Meta(description="Upper end of its 95 % interval.")] = None
    inferences: Annotated[int | None, Meta(description="n of the latency: inferences in all processes.")] = None
    processes: Annotated[int | None, Meta(description="Fresh processes that they were made in; n of the memory.")] = None
    memory_bytes: Annotated[float | None, Meta(description="Growth of the peak RSS by loading and running it.")] = None
    memory_low_bytes: Annotated[float | None, Meta(description="Lower end of its 95 % interval; none for one process.")] = (
        None
    )
    memory_high_bytes: Annotated[float | None, Meta(description="Upper end of its 95 % interval.")] = None
    nodes: Annotated[int | None, Meta(description="Nodes of the file as the interpreter ran it.")] = None
    delegated_nodes: Annotated[int | None, Meta(description="Those of them that the delegate ran.")] = None
    partitions: Annotated[int | None, Meta(description="Parts of the file that the delegate ran as one.")] = None
    stale: Annotated[
        str | None,
        Meta(description="Records that don't belong to the run, and why: their figures are left out."),
    ] = None


class Timing(Struct, frozen=True, forbid_unknown_fields=True):
    """One bench of a cell; a cell may have several. Columns are those of `Row`."""

    cell: str
    record: Annotated[str, Meta(description="Path of the record in the run.")]
    origin: str
    device: str
    interpreter: str
    delegate: str
    threads: int
    protocol: str
    validity: str
    invalid_reasons: Annotated[tuple[str, ...], Meta(description="Why it is invalid.")]
    warnings: Annotated[tuple[str, ...], Meta(description="What a reader should know beside the numbers.")]
    statistic: str
    latency_us: float
    latency_low_us: float | None
    latency_high_us: float | None
    inferences: int
    processes: int
    memory_bytes: float
    memory_low_bytes: float | None
    memory_high_bytes: float | None
    nodes: int | None
    delegated_nodes: int | None
    partitions: int | None


def row(run: str, r: Result) -> Row:
    """A cell's figures; times and memory are those of the series in which all cells are shown."""
    plain = Row(
        run=run,
        cell=r.cell.name,
        architecture=r.cell.architecture,
        sparsity_percent=r.cell.sparsity,
        precision=r.cell.precision or "",
        seed=r.cell.seed,
        parameters=r.parameters,
        nonzero_parameters=r.nonzero,
        achieved_sparsity=r.achieved_sparsity,
        train_images=r.train.n if r.train else None,
        train_top1=r.train.top1 if r.train else None,
        train_top3=r.train.top3 if r.train else None,
        stale="; ".join(f"{name}: {why}" for name, why in r.stale.items()) or None,
        size_bytes=r.size_bytes,
        gzip_bytes=r.gzip_bytes,
    )
    return replace(plain, **(_accuracy(r.test) if r.test else {}), **(_measured(r.bench) if r.bench else {}))


def timing(r: Result, bench: BenchResult) -> Timing:
    """One bench of a cell."""
    own = {
        "cell": r.cell.name,
        "record": bench.record,
        "invalid_reasons": bench.latency.invalid_reasons,
        "warnings": bench.latency.warnings,
    }
    return convert(own | _measured(bench), Timing)


def _accuracy(test: Accuracy) -> dict[str, object]:
    low, high = wilson(round(test.top1 * test.n), test.n)
    return {
        "test_images": test.n,
        "top1": test.top1,
        "top1_low": low,
        "top1_high": high,
        "top3": test.top3,
        "tied_share": test.tied,
        "top1_as_studied": test.studied.top1 if test.studied else None,
        "top3_as_studied": test.studied.top3 if test.studied else None,
        "loss": test.loss,
    }


def _measured(bench: BenchResult) -> dict[str, object]:
    latency, memory, series, ran = bench.latency, bench.memory, bench.series, bench.delegation
    return {
        "origin": series.origin,
        "device": series.device,
        "interpreter": series.interpreter,
        "delegate": series.delegate,
        "threads": series.threads,
        "protocol": series.protocol,
        "validity": latency.validity,
        "statistic": latency.statistic,
        "latency_us": latency.value,
        "latency_low_us": latency.interval[0] if latency.interval else None,
        "latency_high_us": latency.interval[1] if latency.interval else None,
        "inferences": latency.n,
        "processes": bench.process_count,
        "memory_bytes": memory.value,
        "memory_low_bytes": memory.interval[0] if memory.interval else None,
        "memory_high_bytes": memory.interval[1] if memory.interval else None,
        "nodes": ran.nodes if ran else None,
        "delegated_nodes": ran.delegated if ran else None,
        "partitions": ran.partitions if ran else None,
    }
