"""Where the head of a cluster listens, and who may use it without keys."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path

from msgspec import Struct

from kit.errors import KitError

PORT = 8786
_EXAMPLE = "write it like tcp://head:8786"


class Address(Struct, frozen=True):
    """A host's name or number, and a port."""

    host: str
    port: int

    def of_dask(self, with_keys: bool) -> str:
        """As Dask writes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'tls' if with_keys else 'tcp'}://{host}:{self.port}"

    def __str__(self) -> str:
        return self.of_dask(with_keys=False)

    @property
    def is_loopback(self) -> bool:
        """Whether only programs on this machine reach it. Raises KitError if the name is unknown."""
        return all(ipaddress.ip_address(number).is_loopback for number in self._numbers())

    def try_to_listen(self) -> None:
        """Raise KitError if this machine cannot listen there."""
        family = socket.AF_INET6 if ":" in self._numbers()[0] else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((self._numbers()[0], self.port))
                trial.listen()
            except OSError as error:
                wrong = f"cannot listen at {self} ({error.strerror})"
                raise KitError(wrong, "name an address of this machine, and a port that is free") from error

    def _numbers(self) -> list[str]:
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise KitError(f"no machine is known as {self.host} here", "check its name, or give its number") from error
        return [str(entry[4][0]).partition("%")[0] for entry in found]


def parse(text: str) -> Address:
    """`tcp://head:8786`; the port may be left out. Raises KitError."""
    scheme, mark, rest = text.partition("://")
    host, colon, port = rest.rpartition(":") if not rest.endswith("]") else (rest, "", "")
    if not colon:
        host, port = rest, str(PORT)
    host = host.removeprefix("[").removesuffix("]")
    if not mark or scheme not in ("tcp", "tls") or not host or not (port.isdecimal() and 0 < int(port) < 65536):
        raise KitError(f"{text!r} is no address of a cluster's head", _EXAMPLE)
    return Address(host, int(port))


def refuse_open(address: Address, keys: Path | None, insecure: bool) -> None:
    """Raise KitError if others in the network could read along, or give work, and nobody allowed that."""
    if keys is None and not insecure and not address.is_loopback:
        raise KitError(
            f"{address} is open to the network, and there are no keys",
            "make some with `kit cluster keys FOLDER` and name them with --keys, or allow that with --insecure",
        )
