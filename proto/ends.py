"""First signs and exits between messages and what the rest of podlog speaks of."""

from . import podlog_pb2 as pb
from .control import FirstSign, ProcessExit


def sign_message(sign: FirstSign) -> pb.FirstSign:
    """A first sign for the wire."""
    return pb.FirstSign(
        process=sign.process, host=sign.host, status=sign.status, reason=sign.reason
    )


def read_first_sign(message: pb.FirstSign) -> FirstSign:
    """The first sign in a message."""
    return FirstSign(message.process, message.status, message.reason, message.host)


def exit_message(exit_: ProcessExit) -> pb.ExitReport:
    """A process's exit for the wire."""
    return pb.ExitReport(
        process=exit_.process,
        pid=exit_.pid,
        code=exit_.code,
        signal=exit_.signal,
        caused=exit_.caused,
        received=exit_.received,
        out_of_memory=exit_.out_of_memory,
    )


def read_exit_report(message: pb.ExitReport) -> ProcessExit:
    """The exit in a message."""
    return ProcessExit(
        process=message.process,
        pid=message.pid,
        code=message.code if message.HasField("code") else None,
        signal=message.signal if message.HasField("signal") else None,
        caused=message.caused,
        received=message.received if message.HasField("received") else None,
        out_of_memory=message.out_of_memory,
    )
