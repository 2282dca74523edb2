"""The job's token and certificate: random for each job, or from files."""

import dataclasses
import datetime
import secrets
from pathlib import Path

from ..proto.config import SecurityConfig
from ..proto.contact import TLS_NAME
from ..proto.errors import ConfigError


@dataclasses.dataclass(frozen=True, slots=True)
class Credentials:
    """What a coordinator needs to be private to its job.

    Attributes:
        token: 64 hex digits, or the content of the token file.
        cert: PEM certificate; b"" without TLS.
        key: its PEM private key, for the coordinator only.
    """

    token: str = dataclasses.field(repr=False)
    cert: bytes = dataclasses.field(default=b"", repr=False)
    key: bytes = dataclasses.field(default=b"", repr=False)


def make(security: SecurityConfig, token: str = "") -> Credentials:
    """The credentials of a job.

    Args:
        security: TLS or not, and the files that override the random ones.
        token: a token that is given already.

    Raises:
        ConfigError: a file is missing or empty.
    """
    token = token or read_token(security) or secrets.token_hex(32)
    if not security.tls:
        return Credentials(token)
    if security.cert_file is None or security.key_file is None:
        return Credentials(token, *self_signed())
    return Credentials(
        token,
        _read(security.cert_file, "security.cert_file"),
        _read(security.key_file, "security.key_file"),
    )


def read_token(security: SecurityConfig) -> str:
    """The token in `security.token_file`, or "".

    Raises:
        ConfigError: the file cannot be read, is empty or holds no text.
    """
    if security.token_file is None:
        return ""
    try:
        return _read(security.token_file, "security.token_file").decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise ConfigError(f"security.token_file {security.token_file} holds no token") from error


def read_cert(security: SecurityConfig) -> bytes:
    """The certificate in `security.cert_file`, or b"".

    Raises:
        ConfigError: the file cannot be read or is empty.
    """
    if not security.tls or security.cert_file is None:
        return b""
    return _read(security.cert_file, "security.cert_file")


def _read(path: Path, name: str) -> bytes:
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"{name} {path} cannot be read: {error.strerror}") from error
    if not data.strip():
        raise ConfigError(f"{name} {path} is empty")
    return data


def self_signed() -> tuple[bytes, bytes]:
    """A new certificate for the name `TLS_NAME` and its key, both PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, TLS_NAME)])
    now = datetime.datetime.now(datetime.UTC)
    # Clocks of a pod's machines may differ by days; a job may run for months.
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=7))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(TLS_NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return (
        cert.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
