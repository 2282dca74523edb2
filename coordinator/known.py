"""What the journal has of members: all that left a trace, each as it stands."""

from .core.member import OVER, Member
from .core.members import Members
from .journal import Journal
from .restart import dump_member, read_member


class Known:
    """Owned by the state thread; what writes belongs into a transaction.

    One that is done or gone is kept even if it never sent anything.

    Args:
        journal: where members go.
        job_id: the life of the job that they are of.
    """

    def __init__(self, journal: Journal, job_id: str) -> None:
        self._journal = journal
        self._job_id = job_id
        self._kept = journal.members(job_id)
        self._touched: set[int] = set()

    def __contains__(self, process: int) -> bool:
        """Whether a process has left a trace."""
        return process in self._kept

    def members(self, now: float) -> list[Member]:
        """All of them as the journal has them, not connected since `now`."""
        return [read_member(text, now) for text in self._kept.values()]

    def met(self, process: int) -> None:
        """A process leaves traces from now on."""
        self._kept.setdefault(process, "")
        self._touched.add(process)

    def touch(self, process: int) -> None:
        """Something changed about a process."""
        self._touched.add(process)

    def remember(self, members: Members) -> None:
        """The journal has what changed."""
        for process in self._touched:
            member = members.member(process)
            if process in self._kept or member.state in OVER:
                text = dump_member(member)
                if text != self._kept.get(process):
                    self._kept[process] = text
                    self._journal.set_member(self._job_id, process, text)
        self._touched.clear()
