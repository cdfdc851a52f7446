"""Keys for TLS: one key and one certificate for all machines of a cluster. Who has them may run code on each of them."""

from __future__ import annotations

import datetime
import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from kit.errors import KitError

if TYPE_CHECKING:
    from distributed.security import Security

KEY, CERTIFICATE = "key.pem", "certificate.pem"
VALID_DAYS = 365


def make(folder: Path) -> None:
    """Write a new key and its certificate into `folder`, for its owner alone. Half a pair, as a killed call or an
    interrupted copy leaves it, is replaced. Raises KitError if there is a whole one."""
    paths = [folder / name for name in (KEY, CERTIFICATE)]
    if all(path.is_file() and path.stat().st_size for path in paths):
        raise KitError(f"{folder} has keys already", "use them, or name another folder")
    contents = _made()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for path in paths:  # what is left would make a whole pair with half of the new one
        path.unlink(missing_ok=True)
    for path, content in zip(paths, contents, strict=True):
        temporary = path.with_name(f".{path.name}.partial")
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        temporary.replace(path)


def _made() -> tuple[bytes, bytes]:
    """A P-256 key and a certificate that it signs itself, as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kit cluster")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))  # clocks of a lab differ
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private, certificate.public_bytes(pem)


def security(folder: Path | None) -> Security:
    """What Dask needs to use the keys in `folder`; plain TCP without one. Raises KitError if they cannot be used."""
    from distributed.security import Security

    if folder is None:
        return Security(require_encryption=False)
    key, certificate = folder / KEY, folder / CERTIFICATE
    for path in (key, certificate):
        if not path.is_file():
            raise KitError(f"no {path.name} in {folder}", f"make keys with `kit cluster keys {folder}`, or copy the head's")
    if key.stat().st_mode & 0o077:
        raise KitError(f"{key} can be read by others", f"chmod 600 {key}")
    _check(certificate)
    _check_pair(key, certificate)
    roles = ("client", "scheduler", "worker")
    files = {f"tls_{role}_key": str(key) for role in roles} | {f"tls_{role}_cert": str(certificate) for role in roles}
    return Security(require_encryption=True, tls_ca_file=str(certificate), tls_min_version=ssl.TLSVersion.TLSv1_3, **files)


def _check(path: Path) -> None:
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError as error:
        raise KitError(f"{path} is no certificate", "make new keys with `kit cluster keys`") from error
    if certificate.not_valid_after_utc < datetime.datetime.now(datetime.UTC):
        until = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
        raise KitError(
            f"{path} was valid until {until}", "make new keys with `kit cluster keys`, and copy them to the workers"
        )


def _check_pair(key: Path, certificate: Path) -> None:
    """A worker would take it for a head that doesn't answer."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")  # else OpenSSL asks for one
    except OSError as error:
        wrong = f"{key} is no key, or not the one of {certificate.name} ({error.strerror or error})"
        raise KitError(wrong, f"copy both again, or delete both and run `kit cluster keys {key.parent}`") from error
