"""A Snapshot as one strict JSON object: numbers are numbers, every field is there."""

import json
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message

from ..proto import podlog_pb2 as pb
from ..proto.errors import WireError
from ..proto.floats import json_float


def as_json(snapshot: pb.Snapshot) -> str:
    """One line without its newline; fields are named and typed as in the .proto."""
    return json.dumps(_values(snapshot), allow_nan=False)


def from_json(text: str) -> pb.Snapshot:
    """The Snapshot in `text`; fields of a newer version are left out.

    Raises:
        WireError: it holds none.
    """
    try:
        values = json.loads(text)
        if not isinstance(values, dict):
            raise WireError("not a snapshot of a job")
        return ParseDict(values, pb.Snapshot(), ignore_unknown_fields=True)
    except (ValueError, RecursionError, ParseError) as error:
        raise WireError(f"not a snapshot of a job ({error})") from error


def _values(message: Message) -> dict[str, Any]:
    return {
        field.name: [_value(each) for each in value] if _repeated(value) else _value(value)
        for field in message.DESCRIPTOR.fields
        for value in (getattr(message, field.name),)
    }


def _repeated(value: Any) -> bool:
    return not isinstance(value, str | int | float | Message)


def _value(value: Any) -> Any:
    if isinstance(value, Message):
        return _values(value)
    return json_float(value) if isinstance(value, float) else value
