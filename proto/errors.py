"""The error tree of podlog.

::

    PodlogError
    ├── ConfigError (also ValueError)   a setting cannot be used; raised at start-up
    ├── MisuseError (also RuntimeError) a call in the wrong order or place
    │   └── ForkedError                 a Logger used in a forked child
    ├── WireError                       bytes from a peer that are not what the .proto says
    ├── JournalError                    the journal cannot be opened or read
    ├── RefusedError                    the coordinator does not take this peer, for good
    └── UnavailableError                no coordinator within the deadline

Messages name process, step and key where there are any, what happened, and
what to do. After start-up none of these leaves a method that a training step
calls.
"""


class PodlogError(Exception):
    """Base of everything podlog raises on purpose."""


class ConfigError(PodlogError, ValueError):
    """A setting that cannot be used."""


class MisuseError(PodlogError, RuntimeError):
    """A call in the wrong order, process or state."""


class ForkedError(MisuseError):
    """A Logger was used in a forked child of its process."""


class WireError(PodlogError):
    """A message, block or frame that breaks the wire format."""


class JournalError(PodlogError):
    """The journal cannot be opened, written or trusted."""


class JournalGoneError(JournalError):
    """The journal's file was deleted or replaced while it was open."""


class RefusedError(PodlogError):
    """The coordinator refuses this peer permanently."""


class UnavailableError(PodlogError):
    """No coordinator could be reached within the deadline."""
