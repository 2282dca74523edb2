"""Tokens and certificates of a job."""

import ssl
from pathlib import Path

import pytest
from cryptography import x509

from podlog.cluster import credentials
from podlog.proto.config import SecurityConfig
from podlog.proto.contact import TLS_NAME
from podlog.proto.errors import ConfigError


def test_every_job_has_its_own() -> None:
    """Two jobs share neither token nor certificate; a token has 256 bits."""
    one, other = credentials.make(SecurityConfig()), credentials.make(SecurityConfig())
    assert len(bytes.fromhex(one.token)) == 32
    assert one.token != other.token
    assert one.cert != other.cert
    assert one.key != other.key


def test_certificate_is_for_podlog(tmp_path: Path) -> None:
    """The certificate names podlog, is its own authority, and fits its key."""
    made = credentials.make(SecurityConfig())
    cert = x509.load_pem_x509_certificate(made.cert)
    names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [TLS_NAME]
    cert_file, key_file = tmp_path / "c", tmp_path / "k"
    cert_file.write_bytes(made.cert)
    key_file.write_bytes(made.key)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert_file, key_file)


def test_without_tls() -> None:
    """Without TLS there is a token and nothing else."""
    made = credentials.make(SecurityConfig(tls=False))
    assert made.token
    assert made.cert == made.key == b""


def test_from_files(tmp_path: Path) -> None:
    """Files override what would be random; the token file's newline does not count."""
    for name in ("token", "cert", "key"):
        (tmp_path / name).write_text(f"{name}\n")
    security = SecurityConfig(
        token_file=tmp_path / "token", cert_file=tmp_path / "cert", key_file=tmp_path / "key"
    )
    made = credentials.make(security)
    assert (made.token, made.cert, made.key) == ("token", b"cert\n", b"key\n")
    assert credentials.read_cert(security) == b"cert\n"


def test_given_token_wins() -> None:
    """A token that the launcher gives is used as it is."""
    assert credentials.make(SecurityConfig(), token="given").token == "given"


@pytest.mark.parametrize("field", ["token_file", "cert_file", "key_file"])
def test_missing_file_is_named(tmp_path: Path, field: str) -> None:
    """A file that is not there is an error that names the setting and the file."""
    paths = (
        {"cert_file": tmp_path / "c", "key_file": tmp_path / "k"} if field != "token_file" else {}
    )
    for path in paths.values():
        path.write_text("x")
    security = SecurityConfig(**paths | {field: tmp_path / "absent"})
    with pytest.raises(ConfigError, match=rf"security\.{field} .*absent"):
        credentials.make(security)


def test_empty_token_file(tmp_path: Path) -> None:
    """An empty token would let everybody in: refused."""
    (tmp_path / "token").write_text("\n")
    with pytest.raises(ConfigError, match="empty"):
        credentials.make(SecurityConfig(token_file=tmp_path / "token"))


def test_secrets_are_not_in_the_repr() -> None:
    """Printing credentials shows none of them."""
    made = credentials.make(SecurityConfig())
    assert made.token not in repr(made)
    assert "BEGIN" not in repr(made)
