"""The tree is as pyproject.toml and the rules of the project say."""

import hashlib
import importlib
import re
from pathlib import Path

import pytest
from kit_tree import FLOORS, ROOT, imports, module_name, package_sources, project, sources

PROTOS = sorted((ROOT / "proto").glob("*.proto"))
IMPORTED_AS = {
    "PyYAML": "yaml", "grpcio": "grpc", "grpcio-health-checking": "grpc_health",
    "orbax-checkpoint": "orbax", "protobuf": "google",
}  # fmt: skip
NOT_YET = {"orbax"}
MOST_LINES = dict.fromkeys(FLOORS, 300) | {"tests": 400}


def test_the_package_list_is_the_tree() -> None:
    """A folder that is not listed would be missing from the wheel."""
    folders = {path.parent for path in package_sources()}
    listed = project()["tool"]["setuptools"]
    assert sorted(listed["packages"]) == sorted(module_name(f / "__init__.py") for f in folders)
    assert {ROOT / folder for folder in listed["package-dir"].values()} == folders
    assert sorted(listed["package-dir"]) == sorted(listed["packages"])


def test_every_floor_ships_its_types() -> None:
    """`py.typed` lies in each mapped folder and is package data."""
    data = project()["tool"]["setuptools"]["package-data"]
    for floor in FLOORS:
        assert (ROOT / floor / "py.typed").exists()
        assert "py.typed" in data[f"podlog.{floor}"]


def test_the_root_and_proto_are_namespaces() -> None:
    """`proto/__init__.py` would shadow proto-plus; a root `__init__` breaks editable installs."""
    assert not (ROOT / "proto" / "__init__.py").exists()
    assert not (ROOT / "__init__.py").exists()


@pytest.mark.parametrize("suffix", [".py", ".pyi"])
@pytest.mark.parametrize("proto", PROTOS, ids=lambda path: path.name)
def test_generated_messages_are_those_of_the_proto(proto: Path, suffix: str) -> None:
    """After a change of a .proto file: `make proto`."""
    expected = hashlib.sha256(proto.read_bytes()).hexdigest()
    first = proto.with_name(f"{proto.stem}_pb2{suffix}").read_text().partition("\n")[0]
    assert first == f"# {proto.name} sha256: {expected}"


def test_every_generated_file_has_its_proto() -> None:
    """A .proto that went takes its messages with it; mypy and ruff know them all."""
    made = {path.name for path in (ROOT / "proto").glob("*_pb2.py*")}
    stems = sorted(path.stem for path in PROTOS)
    assert made == {f"{stem}_pb2{suffix}" for stem in stems for suffix in (".py", ".pyi")}
    ignored = next(o for o in project()["tool"]["mypy"]["overrides"] if "ignore_errors" in o)
    assert sorted(ignored["module"]) == [f"podlog.proto.{stem}_pb2" for stem in stems]


def test_no_file_is_long() -> None:
    """A file that outgrows the limit holds two ideas: split it."""
    long = {
        str(path.relative_to(ROOT)): lines
        for folder, most in MOST_LINES.items()
        for path in sources(folder)
        if (lines := len(path.read_text().splitlines())) > most
    }
    assert long == {}


@pytest.mark.parametrize(
    "path",
    [path for path in package_sources() if path.name == "__init__.py"],
    ids=lambda path: module_name(path),
)
def test_a_packages_front_says_what_it_is_and_keeps_its_list(path: Path) -> None:
    """`__init__` has a docstring; `__all__` is sorted and holds just the public names."""
    module = importlib.import_module(module_name(path))
    assert module.__doc__ and module.__doc__.strip() not in ("", "TODO.")
    listed = list(getattr(module, "__all__", ()))
    assert listed == sorted(set(listed))
    for name in listed:
        assert getattr(module, name) is not None


def test_each_dependency_is_used_and_has_its_reason() -> None:
    """What is not imported is not asked for; what is imported is said to be for something."""
    used = {used.module.split(".")[0] for path in package_sources() for used in imports(path)}
    text = (ROOT / "pyproject.toml").read_text()
    for requirement in project()["project"]["dependencies"]:
        name = re.split("[<>=]", requirement)[0]
        assert re.search(rf'^  "{re.escape(requirement)}", +# \S', text, re.MULTILINE), name
        assert IMPORTED_AS.get(name, name) in used | NOT_YET, name


def test_all_brings_every_extra() -> None:
    """One word installs everything."""
    extras = project()["project"]["optional-dependencies"]
    others = re.fullmatch(r"podlog\[([\w,]+)\]", *extras.pop("all"))
    assert others is not None and sorted(others[1].split(",")) == sorted(extras)


def test_the_generator_is_not_a_dependency() -> None:
    """Whoever installs podlog needs no protoc."""
    assert "grpcio-tools" not in (ROOT / "pyproject.toml").read_text()
    assert "grpcio-tools==" in (ROOT / "proto" / "generate.sh").read_text()
