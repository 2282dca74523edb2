"""Whether a path lies on a network file system, where SQLite's shared memory does not work."""

from pathlib import Path

_NETWORK = {
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "beegfs_nodev", "ceph",
    "afs", "9p", "glusterfs", "pvfs2", "orangefs", "panfs", "ocfs2", "gfs2", "wekafs", "daos",
}  # fmt: skip


def is_network(path: Path) -> bool:
    """Whether the file system of `path` is one of a network, or of a program (FUSE)."""
    kind = file_system(path.resolve(), _mounts())
    return kind in _NETWORK or kind.startswith("fuse")


def file_system(path: Path, mounts: str) -> str:
    """The type of the file system that `path` lies on; "" if that is not known.

    Args:
        path: absolute, without symbolic links.
        mounts: what ``/proc/mounts`` says.
    """
    best, kind = Path("/"), ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(fields[1].encode().decode("unicode_escape"))
        if path.is_relative_to(point) and len(point.parts) >= len(best.parts):
            best, kind = point, fields[2]
    return kind


def _mounts() -> str:
    try:
        return Path("/proc/mounts").read_text("utf-8", "surrogateescape")
    except OSError:
        return ""
