"""Kills a `FileLogger` before each thing it does to the file system, and starts it again.

Prints how often it was killed; fails if the files then differ from those of a life without.
"""

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from podlog.coordinator.tools import FileLogger, FileLoggerConfig
from podlog.proto.config import LoggerConfig
from podlog.proto.records import Kind
from podlog.proto.rows import Row, RowKey
from podlog.proto.tool import ToolContext

CHANGES = ("open", "os.rename", "os.remove", "os.truncate")


def row(step: int, *, revision: int = 0, mode: str = "train", **metrics: Any) -> Row:
    """A row of process 0."""
    key = RowKey(1, mode, step, Kind.STEP, 0)
    return Row(key, revision, 1, 0.0, metrics, processes=(0,))


FIRST = [row(1, x=1), row(2, x=2), row(3, x=3), row(2, x=20, revision=1), row(9, x=9, revision=1)]
BATCH = [
    row(4, x=4, late=1.5),
    row(5, x=5, mode="val"),
    row(3, x=30, revision=1),
    row(4, y=1, revision=1),
]
ALONE = [row(6, x=6, revision=1, mode="only late")]
ASKED = [FIRST, BATCH, ALONE, None, [row(7, x=7), row(8, y=6, mode="only late")], None]
"""What a tool is asked for, each when the one before is committed; None: the end of a chapter."""


def make(path: Path) -> FileLogger:
    """A new life of the tool."""
    context = ToolContext(config=LoggerConfig(), log_path=path, run_id="run")
    return FileLoggerConfig().create(context)


def life(path: Path, asked: Sequence[list[Row] | None], deadly: int = -1) -> bool:
    """Whether a life in a process of its own came to its end, and not before change `deadly`."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1] == 0
    seen = 0

    def hook(event: str, args: tuple[Any, ...]) -> None:
        nonlocal seen
        if event in CHANGES and (event == "os.truncate" or "file_logs" in str(args)):
            if seen == deadly:
                os.kill(os.getpid(), signal.SIGKILL)
            seen += 1

    cursor = path / "cursor.json"
    done, position = json.loads(cursor.read_text()) if cursor.exists() else (0, "")
    sys.addaudithook(hook)
    tool = make(path)
    tool.rewind_to(position.encode())
    commit(cursor, done, tool)
    for at in range(done, len(asked)):
        batch = asked[at]
        if batch is None:
            tool.finalize("success")
        else:
            tool.write(batch)
        commit(cursor, at + 1, tool)
    os._exit(0)


def commit(cursor: Path, done: int, tool: FileLogger) -> None:
    """Keeps how far the tool is, in one step."""
    new = cursor.with_name("new")
    new.write_text(json.dumps([done, tool.position().decode()]))
    new.replace(cursor)


def found(path: Path) -> dict[str, Any]:
    """All files; of JSON lines the rows in any order, of CSV files the lines."""
    files = {}
    for file in sorted((path / "file_logs").iterdir()):
        rows = file.read_text().splitlines()
        if file.suffix == ".jsonl":
            rows = [json.dumps(json.loads(line), sort_keys=True) for line in rows]
        files[file.name] = [rows[0], sorted(rows[1:])] if file.suffix == ".csv" else sorted(rows)
    return files


def main(root: Path) -> int:
    """Kills at each change in turn, until a life has no more of them."""
    whole = root / "whole"
    whole.mkdir()
    assert life(whole, ASKED)
    for deadly in range(1000):
        path = root / str(deadly)
        path.mkdir()
        if life(path, ASKED, deadly):
            break
        assert life(path, ASKED)
        assert found(path) == found(whole), (deadly, found(path), found(whole))
    print(deadly)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
