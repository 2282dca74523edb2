"""Contacts and control lines: what was written is read, secrets stay out of reprs."""

import json
from typing import Any

import pytest

from podlog.proto.contact import Contact
from podlog.proto.control import (
    AllEnded,
    ConsoleLine,
    Ended,
    Failed,
    FirstSign,
    Notice,
    Opened,
    ProcessExit,
    Ready,
    Setup,
    Signalled,
    dump,
    load,
)
from podlog.proto.errors import ConfigError, WireError

TOKEN = "ab" * 32
NOTICES = [
    Setup("job", 1.5, TOKEN, 4, b"cert\x00\xff", b"key", "::1", 99, True),
    Signalled(2),
    ProcessExit(2, 77, signal=9),
    ProcessExit(2, 77, code=1, caused=False),
    AllEnded(2),
    Ready(5),
    Failed("no"),
    Opened("run", "/x", 3),
    ConsoleLine("two\nlines ü"),
    FirstSign(3, "failure", "ValueError: boom", "alpha"),
    Ended("success", "", 4),
]


@pytest.mark.parametrize("notice", NOTICES, ids=lambda n: type(n).__name__)
def test_a_notice_is_one_line_and_comes_back(notice: Notice) -> None:
    """Each notice is one line of JSON, whatever its text holds."""
    line = dump(notice)
    assert line.count(b"\n") == 1 and line.endswith(b"\n")
    assert load(line) == notice


@pytest.mark.parametrize(
    "line",
    [b"", b"hello", b"[1]", b'"text"', b"3", b"{}", b'{"type": "Other"}', b'{"type": "Ready"}',
     b'{"type": "Ready", "port": 1, "more": 2}', b'{"type": ["Ready"]}', b"\xff"],
)  # fmt: skip
def test_foreign_lines_are_wire_errors(line: bytes) -> None:
    """What a script prints on our pipe is told apart from our notices."""
    with pytest.raises(WireError, match="not a control line"):
        load(line)


def test_a_contact_comes_back_with_its_secrets() -> None:
    """A published contact is read as it was written."""
    contact = Contact("[::1]:5", TOKEN, b"-----BEGIN\n\xff", "job", 2.5)
    assert Contact.from_json(contact.to_json()) == contact


ODD = json.dumps({"address": 5, "token": "t", "cert": "", "job_id": "", "started": 0})


@pytest.mark.parametrize("text", ["", "3", "[]", "{}", "null", json.dumps({"cert": "a"}), ODD])
def test_what_is_no_contact_is_a_config_error(text: str) -> None:
    """A damaged or foreign value says that it is no contact."""
    with pytest.raises(ConfigError, match="not the contact"):
        Contact.from_json(text)


@pytest.mark.parametrize(
    "holder",
    [Contact("h:1", TOKEN, b"secretcert", "j", 0.0), Setup("j", 0.0, TOKEN, 1, b"x", b"k")],
)
def test_secrets_are_not_in_reprs(holder: Any) -> None:
    """Logging a contact or setup by accident shows no token, key or certificate."""
    for secret in (TOKEN, "secretcert", "b'k'"):
        assert secret not in repr(holder)
