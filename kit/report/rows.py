"""A run's figures as flat rows for other programs: what each column means stands beside it, and goes into the schema."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from kit.records.statistics import Accuracy, Spread, wilson
from kit.report.results import Latency, Result


class Row(Struct, frozen=True, forbid_unknown_fields=True):
    """One cell of one run. What was not recorded is empty in CSV and null in JSON. Rounded to 10 significant digits."""

    run: Annotated[str, Meta(description="The run's name: its folder's.")]
    cell: Annotated[str, Meta(description="architecture/sNN/precision, as in folders and on the command line.")]
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
    loss: Annotated[float | None, Meta(description="Mean cross-entropy on the test images, nats.")] = None
    train_images: Annotated[int | None, Meta(description="n of the training figure: all training images.")] = None
    train_top1: Annotated[float | None, Meta(description="Top-1 accuracy on the training images, 0 to 1.")] = None
    size_bytes: Annotated[int | None, Meta(description="Size of the .tflite file.")] = None
    gzip_bytes: Annotated[int | None, Meta(description="Size of the .tflite file after gzip -9.")] = None
    origin: Annotated[str | None, Meta(description="Where times and memory were measured: device, host or emulated.")] = None
    device: Annotated[str | None, Meta(description="Model of the device, or processor of the host.")] = None
    interpreter: Annotated[str | None, Meta(description="litert or tflite.")] = None
    threads: Annotated[int | None, Meta(description="Threads of the interpreter.")] = None
    protocol: Annotated[str | None, Meta(description="How it was measured; empty for this machine's own bench.")] = None
    is_valid: Annotated[bool | None, Meta(description="Whether the device was in a fit state while it was measured.")] = None
    latency_us: Annotated[float | None, Meta(description="Median latency of single inferences, microseconds.")] = None
    latency_lower_us: Annotated[float | None, Meta(description="Lower quartile.")] = None
    latency_upper_us: Annotated[float | None, Meta(description="Upper quartile.")] = None
    inferences: Annotated[int | None, Meta(description="n of the latency: inferences, pooled over processes.")] = None
    processes: Annotated[int | None, Meta(description="Fresh processes that they were made in; n of the memory.")] = None
    memory_bytes: Annotated[float | None, Meta(description="Median growth of the peak RSS by loading and running it.")] = (
        None
    )
    memory_lower_bytes: Annotated[float | None, Meta(description="Lower quartile.")] = None
    memory_upper_bytes: Annotated[float | None, Meta(description="Upper quartile.")] = None


class Timing(Struct, frozen=True, forbid_unknown_fields=True):
    """One bench of a cell; a cell may have several. Columns are those of `Row`."""

    cell: str
    record: Annotated[str, Meta(description="Path of the record in the run.")]
    origin: str
    device: str
    interpreter: str
    threads: int
    protocol: str
    is_valid: bool
    reasons: Annotated[tuple[str, ...], Meta(description="Why it is not valid.")]
    doubts: tuple[str, ...]
    latency_us: float
    latency_lower_us: float
    latency_upper_us: float
    inferences: int
    processes: int
    memory_bytes: float


def row(run: str, seed: int, r: Result) -> Row:
    """A cell's figures; times and memory are those of the preferred bench."""
    return Row(
        run=run,
        cell=r.cell.name,
        architecture=r.cell.architecture,
        sparsity_percent=r.cell.sparsity,
        precision=r.cell.precision or "",
        seed=seed,
        parameters=r.parameters,
        nonzero_parameters=r.nonzero,
        achieved_sparsity=r.achieved_sparsity,
        train_images=r.train.n if r.train else None,
        train_top1=r.train.top1 if r.train else None,
        size_bytes=r.size_bytes,
        gzip_bytes=r.gzip_bytes,
        **(_accuracy(r.test) if r.test else {}),
        **(_measured(r.latency) if r.latency else {}),
        **(_quartiles(r.memory_bytes) if r.memory_bytes else {}),
    )


def timing(r: Result, bench: Latency) -> Timing:
    """One bench of a cell."""
    return Timing(cell=r.cell.name, record=bench.record, reasons=bench.reasons, doubts=bench.doubts, **_measured(bench))


def _accuracy(test: Accuracy) -> dict[str, Any]:
    low, high = wilson(round(test.top1 * test.n), test.n)
    return {
        "test_images": test.n,
        "top1": test.top1,
        "top1_low": low,
        "top1_high": high,
        "top3": test.top3,
        "loss": test.loss,
    }


def _quartiles(memory: Spread) -> dict[str, Any]:
    return {"memory_lower_bytes": memory.lower, "memory_upper_bytes": memory.upper}


def _measured(bench: Latency) -> dict[str, Any]:
    return {
        "origin": bench.origin,
        "device": bench.device,
        "interpreter": bench.interpreter,
        "threads": bench.threads,
        "protocol": bench.protocol,
        "is_valid": bench.is_valid,
        "latency_us": bench.spread.median,
        "latency_lower_us": bench.spread.lower,
        "latency_upper_us": bench.spread.upper,
        "inferences": bench.spread.n,
        "processes": bench.processes,
        "memory_bytes": bench.memory_bytes.median,
    }
