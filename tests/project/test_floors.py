"""The floors and doors: who may import whom, and who never loads jax."""

import subprocess
import sys
from pathlib import Path

import pytest
from kit_tree import FLOORS, ROOT, Import, imports, module_name, package_sources, sources

BELOW = {
    "proto": {"proto"},
    "coordinator": {"proto", "coordinator"},
    "cluster": {"proto", "coordinator", "cluster"},
    "worker": {"proto", "cluster", "worker"},
}
DOOR_MODULES = ("podlog.coordinator.cli", "podlog.coordinator.tools")
DOOR_NAMES = {"", "start", "Endpoint", "cli", "tools"}
JAX = {"jax", "jaxlib", "flax", "optax", "orbax"}
IMPURE = {
    "asyncio", "datetime", "grpc", "logging", "multiprocessing", "os", "pathlib", "psutil",
    "queue", "random", "secrets", "select", "socket", "sqlite3", "subprocess", "sys",
    "threading", "time",
}  # fmt: skip


def _floor(module: str) -> str:
    return [*module.split("."), ""][1]


def _through_a_door(used: Import) -> bool:
    if used.module == "podlog.coordinator":
        return used.name in DOOR_NAMES
    return any(used.module == door or used.module.startswith(f"{door}.") for door in DOOR_MODULES)


def _wrong(path: Path) -> list[str]:
    """What a file imports and may not, in words."""
    floor = _floor(module_name(path))
    wrong = []
    for used in imports(path):
        top = used.module.split(".")[0]
        there = _floor(used.module)
        if top in FLOORS or (top == "podlog" and not used.relative):
            wrong.append(f"{used.line}: {used.module} must be a relative import")
        elif top == "podlog" and there not in BELOW[floor]:
            wrong.append(f"{used.line}: {floor} must not import {used.module}")
        elif floor == "cluster" and there == "coordinator" and not _through_a_door(used):
            wrong.append(f"{used.line}: {used.module} {used.name} is not a door")
        elif floor in ("proto", "coordinator") and top in JAX:
            wrong.append(f"{used.line}: {floor} must not import {top}")
    return wrong


@pytest.mark.parametrize("path", package_sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_what_its_floor_may(path: Path) -> None:
    """Each file looks down only, through doors only, by relative imports."""
    assert _wrong(path) == []


def test_the_pure_core_has_no_thread_socket_file_or_clock() -> None:
    """`coordinator/core` uses `proto` and itself; events and time are handed in."""
    wrong = [
        f"{path.name}:{used.line} {used.module}"
        for path in sources("coordinator/core")
        for used in imports(path)
        if used.module.split(".")[0] in IMPURE
        or (_floor(used.module) == "coordinator" and ".core" not in used.module)
    ]
    assert wrong == []


def test_tests_and_examples_use_the_installed_names() -> None:
    """Nothing imports `worker` or `coordinator` bare, which works only in a clone."""
    wrong = [
        f"{path.relative_to(ROOT)}:{used.line} {used.module}"
        for path in sources("tests", "cluster/examples")
        for used in imports(path)
        if used.module.split(".")[0] in FLOORS and used.module != "proto"
    ]
    assert wrong == []


def test_podlogs_variables_are_named_in_one_module() -> None:
    """Who wants to know what `PODLOG_*` does reads `cluster/env.py` and nothing else."""
    users = {
        str(path.relative_to(ROOT))
        for path in package_sources()
        if 'environ.get("PODLOG_' in path.read_text() or 'environ["PODLOG_' in path.read_text()
    }
    assert users <= {"cluster/env.py"}


@pytest.mark.parametrize(
    "module",
    [
        "podlog.proto.tool",
        "podlog.coordinator",
        "podlog.coordinator.cli",
        "podlog.coordinator.tools",
        "podlog.coordinator.feedproc",
        "podlog.cluster",
        "podlog.cluster.cli",
        "podlog.worker",
    ],
)
def test_importing_loads_no_jax(module: str) -> None:
    """Importing any floor leaves jax alone; the Logger loads it when it is made."""
    code = f"import sys, {module}; sys.exit(' '.join({JAX!r} & set(sys.modules)) or None)"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
