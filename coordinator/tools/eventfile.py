"""TensorBoard's event file: records of a length, the data and their checksums.

::

    length (u64) | crc of length (u32) | data | crc of data (u32)      little-endian

The checksums are crc32c, rotated right by 15 bits, plus a constant.
tensorboardX's own writer writes from a thread, always into a new file, and
cannot tell when a row has arrived; podlog appends such records itself.
"""

import struct
from pathlib import Path

import crc32c

_MASK = 0xA282EAD8
_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")


def event_record(event: bytes) -> bytes:
    """The record of one serialized event."""
    length = struct.pack("<Q", len(event))
    return _HEADER.pack(len(event), _masked(length)) + event + _FOOTER.pack(_masked(event))


def whole_records(path: Path) -> int:
    """Where the last whole record of a file ends, in bytes from its beginning."""
    end = 0
    with path.open("rb") as file:
        while len(head := file.read(_HEADER.size)) == _HEADER.size:
            length, crc = _HEADER.unpack(head)
            if crc != _masked(head[:8]):
                break
            data, foot = file.read(length), file.read(_FOOTER.size)
            if foot != _FOOTER.pack(_masked(data)):
                break
            end += _HEADER.size + length + _FOOTER.size
    return end


def _masked(data: bytes) -> int:
    crc = crc32c.crc32c(data)
    return (((crc >> 15) | (crc << 17)) + _MASK) & 0xFFFFFFFF
