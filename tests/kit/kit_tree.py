"""The source tree as data: its files, and what each of them imports."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
FLOORS = ("proto", "coordinator", "cluster", "worker")


def project() -> dict[str, Any]:
    """What pyproject.toml says."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def sources(*folders: str) -> list[Path]:
    """All Python files we wrote below `folders` (default: the package's), sorted."""
    found = (path for folder in folders or FLOORS for path in (ROOT / folder).rglob("*.py"))
    return sorted(path for path in found if not path.name.endswith("_pb2.py"))


def package_sources() -> list[Path]:
    """`sources` without the scripts in `cluster/examples`."""
    return [path for path in sources() if "examples" not in path.parts]


def module_name(path: Path) -> str:
    """The name under which a file of the package is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("podlog", *(part for part in parts if part != "__init__")))


class Import(NamedTuple):
    """One imported module, or a name from one.

    Attributes:
        module: absolute name of the module.
        name: what is taken from it; "" for the module itself.
        relative: whether it is written with leading dots.
        line: where.
    """

    module: str
    name: str
    relative: bool
    line: int


def imports(path: Path) -> Iterator[Import]:
    """Every import in a file, also those in functions and under TYPE_CHECKING."""
    package = module_name(path).split(".") if ROOT in path.parents else []
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, "", False, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                taken = (module, alias.name) if module != "podlog" else (f"podlog.{alias.name}", "")
                yield Import(*taken, bool(node.level), node.lineno)
