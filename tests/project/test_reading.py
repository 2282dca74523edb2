"""The read order of the README is short enough to be read."""

import ast
import io
import re
import tokenize
from pathlib import Path

from kit_tree import ROOT

MOST = 900
NO_CODE = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
    tokenize.ENDMARKER,
}  # fmt: skip
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _order() -> list[Path]:
    """The files of the numbered list behind the mark, in its order."""
    behind = (ROOT / "README.md").read_text().split("<!-- read order", 1)[1]
    listed = re.search(r"(^\d+\. .*\n)+", behind, re.MULTILINE)
    assert listed is not None
    return [ROOT / name for name in re.findall(r"`([^`]+)`", listed[0])]


def _python_lines(text: str) -> int:
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None:
            last = node.body[0].end_lineno
            lines -= set(range(node.body[0].lineno, (last or 0) + 1))
    return len(lines)


def _lines(path: Path) -> int:
    """Source lines: neither blank, nor comment, nor docstring."""
    text = path.read_text()
    if path.suffix == ".py":
        return _python_lines(text)
    return sum(bool(line.split("//")[0].strip()) for line in text.splitlines())


def test_only_source_lines_count() -> None:
    """Comments and docstrings are free; text that the program uses is not."""
    text = '"""Docs.\n\nMore."""\n\n# why\nx = """a\nb"""  # two lines\n\ndef f():\n    "doc"\n'
    assert _python_lines(text) == 3


def test_the_read_order_goes_from_the_wire_to_a_tool() -> None:
    """Wire, API, threads behind it, the other side, merge, one tool."""
    folders = [str(path.relative_to(ROOT)).rpartition("/")[0] for path in _order()]
    assert list(dict.fromkeys(folders)) == [
        "proto", "worker", "coordinator", "coordinator/core", "coordinator/tools",
    ]  # fmt: skip


def test_the_read_order_is_short() -> None:
    """If it grows beyond the limit, a file in it holds a second idea: split that one."""
    lines = {str(path.relative_to(ROOT)): _lines(path) for path in _order()}
    assert sum(lines.values()) < MOST, lines
