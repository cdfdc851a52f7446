"""What commands do where they are given a host: bench, ship, doctor. They call the runner and print what comes back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kit import actions, console
from kit.errors import KitError

if TYPE_CHECKING:
    from kit.device.checks import Check
    from kit.device.ssh import Address, Link
    from kit.runner.hosts import Measured, Order, Outcome, Target


@dataclass(frozen=True)
class Where:
    """The hosts, and how to reach them, as they were typed."""

    hosts: list[str]
    user: str = ""
    port: int | None = None
    identity: Path | None = None
    config: Path | None = None

    def addresses(self) -> list[Address]:
        """Raises KitError where one is no host."""
        from kit.device import ssh

        found = [ssh.parse(host, self.user, self.port, self.identity, self.config) for host in self.hosts]
        if len({address.key for address in found}) < len(found):
            raise KitError("a host is named twice", "name each once")
        return found


def targets_of(what: Path, patterns: Sequence[str] | None, runs: Path) -> tuple[list[Target], Any]:
    """The .tflite files that `what` names: a run's cells, or files by name. And the run, or None."""
    from kit.records.run import open_run
    from kit.runner import hosts, plan
    from kit.study.cells import parse_pattern

    if what.suffix == ".tflite":
        paths = [what, *(Path(pattern) for pattern in patterns or [])]
        for path in paths:
            if not path.is_file():
                raise KitError(f"no file at {path}", "name .tflite files, or a run and cells of it")
        return [hosts.Target(str(path), path) for path in paths], None
    run = open_run(actions.find_run(what, runs))
    return hosts.targets(run, plan.select(run.preset, [parse_pattern(pattern) for pattern in patterns or []])), run


def bench(
    what: Path,
    patterns: list[str] | None,
    where: Where,
    protocol: str,
    interpreters: Sequence[str],
    threads: Sequence[int],
    parity: int,
    image: str,
    cooling_s: float,
    data: Path,
    runs: Path,
    as_json: bool,
) -> None:
    """Measure on hosts, and show the table. Raises KitError where a host or a cell failed, after the others are done."""
    import msgspec

    from kit.device.bench import stage_of
    from kit.device.protocol import protocol as known_protocol
    from kit.pipeline import dataset
    from kit.records import store
    from kit.runner import board, hosts

    for interpreter in interpreters:
        stage_of(interpreter)
    addresses, chosen = where.addresses(), known_protocol(protocol)
    targets, run = targets_of(what, patterns, runs)
    folder = run.folder if run else runs
    each = tuple(dict.fromkeys(interpreters)), tuple(dict.fromkeys(threads))
    order = hosts.Order(targets, chosen, *each, folder, run, data, parity, cooling_s, image)
    with actions.stoppable(), store.exclusive(folder):
        (folder / board.FILE).unlink(missing_ok=True)  # of a killed run; `kit status` must not take it for this one
        outcomes = _shown(order, addresses, as_json)
    if as_json:
        console.print_json(msgspec.json.encode([_plain(m) for outcome in outcomes for m in outcome.measured]))
    else:
        _show(outcomes)
        if run and parity and any(o.measured for o in outcomes) and not dataset.location(data, run.preset.dataset).is_file():
            console.say(f"predictions were not compared, for want of images: `kit data {run.preset.dataset}` gets them")
    _end(outcomes)


def _shown(order: Order, addresses: list[Address], quiet: bool) -> list[Outcome]:
    from kit.runner import hosts
    from kit.runner.hostview import HostView

    if quiet:
        return hosts.bench(order, addresses, lambda *told: None)
    columns = [(address.host, series.name) for address in addresses for series in order.series()]
    with HostView([target.name for target in order.targets], columns, order.protocol.processes) as view:
        return hosts.bench(order, addresses, view)


def _plain(measured: Measured) -> dict[str, Any]:
    return {"host": measured.host, "series": measured.series, "name": measured.name, **measured.values}


def _show(outcomes: Sequence[Outcome]) -> None:
    from kit.report.hosts import remarks, tables

    rows = [(m.host, m.series, m.name, m.values) for outcome in outcomes for m in outcome.measured]
    for made in tables(rows):
        console.say(made.title)
        console.show(console.table(made.headers, made.rows))
        console.say(made.note)
    for line in remarks(rows) if rows else []:
        console.say(line)
    for outcome in outcomes:
        if outcome.shipped:
            console.say(_shipped(outcome.host, outcome.shipped))
        for name, reason in outcome.failed.items():
            console.say(f"failed: {name}: {reason}")


def _shipped(host: str, shipped: Any) -> str:
    return (
        f"{host}: {shipped.how} of the image sent ({shipped.image_bytes:,} bytes), {shipped.files} files "
        f"({shipped.file_bytes:,} bytes); image {shipped.image_id}"
    )


def _end(outcomes: Sequence[Outcome]) -> None:
    lost = [outcome.lost for outcome in outcomes if outcome.lost]
    for error in lost[1:]:
        console.complain(str(error))
    if lost:
        raise lost[0]
    failed = sum(len(outcome.failed) for outcome in outcomes)
    if failed:
        raise KitError(f"{failed} measurements failed", "mend the causes above; the same command does only those")


def ship(what: Path | None, patterns: list[str] | None, where: Where, image: str, remove: bool, runs: Path) -> None:
    """Send the image, and the .tflite files of `what`; or remove all that the kit left on the hosts."""
    from kit.device import session
    from kit.device import ship as shipping
    from kit.device.ssh import Link
    from kit.records import store

    files = {store.sha256(t.path): t.path for t in targets_of(what, patterns, runs)[0]} if what else {}
    with actions.stoppable():
        for address in where.addresses():
            with Link(address) as link:
                if remove:
                    session.await_quiet(link)
                    session.restore(link, image)
                    shipping.remove(link)
                    console.say(f"{address.host}: nothing of the kit is left")
                else:
                    _send(link, files, image)


def _send(link: Link, files: dict[str, Path], image: str) -> None:
    from kit.device import preflight
    from kit.device import ship as shipping
    from kit.runner.hostview import HostView

    host = link.address.host
    preflight.facts(link)
    with HostView([], [], 0) as view:
        sent = shipping.ship(
            link, files, lambda what, done, total, rate: view(host, "", what, f"{rate / 1e6:.1f} MB/s", done, total), image
        )
    console.say(_shipped(host, sent))


def checks(where: Where) -> Iterator[Check]:
    """The checks of each host, with its name where there are several."""
    import msgspec

    from kit.device import preflight
    from kit.device.checks import Check
    from kit.device.ssh import Link, LinkLost

    for address in where.addresses():
        prefix = f"{address.host} " if len(where.hosts) > 1 else ""
        try:
            with Link(address) as link:
                yield Check(f"{prefix}SSH", f"{address.host} answers", True)
                for check in preflight.checks(link):
                    yield msgspec.structs.replace(check, what=prefix + check.what)
        except LinkLost as error:
            yield Check(f"{prefix}SSH", error.wrong, False, error.remedy)
