"""Wheel, sdist and editable installs import from any folder, beside proto-plus."""

import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from kit_tree import ROOT, module_name, package_sources

pytestmark = pytest.mark.timeout(300)

CHECK = """
import importlib, sys
from pathlib import Path
places, folders = sys.argv[1].split(":"), {}
for name in sys.argv[2:]:
    path = Path(importlib.import_module(name).__file__).resolve()
    assert any(path.is_relative_to(place) for place in places), path
    folders[name.split(".")[1]] = path.parent
for floor, folder in folders.items():
    while folder.name != floor:
        folder = folder.parent
    assert (folder / "py.typed").is_file(), floor
import proto
assert hasattr(proto, "Message"), proto
"""


class Installed:
    """An environment of its own that sees this one's libraries, but not its podlog."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, symlinks=True)
        self.bin = folder / "bin"
        paths = {key: str(folder) for key in ("base", "platbase")}
        self.site = Path(sysconfig.get_path("purelib", "venv", paths))
        for entry in Path(sysconfig.get_path("purelib")).iterdir():
            own = "podlog" in entry.name or entry.name.endswith(".pth")
            if not own and not (self.site / entry.name).exists():
                (self.site / entry.name).symlink_to(entry)

    def install(self, *arguments: str) -> None:
        """Installs with pip; nothing is fetched."""
        _run(
            sys.executable, "-m", "pip", "--python", str(self.bin / "python"), "install",
            "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--ignore-installed",
            "--disable-pip-version-check", *arguments,
        )  # fmt: skip

    def check(self, cwds: list[Path], *places: Path) -> None:
        """In each of the folders every module imports, from below one of the places."""
        modules = [module_name(p) for p in package_sources() if p.name != "__main__.py"]
        for cwd in cwds:
            below = ":".join(str(place.resolve()) for place in places)
            _run(str(self.bin / "python"), "-E", "-c", CHECK, below, *modules, cwd=cwd)
        assert "Usage" in _run(str(self.bin / "podlog"), "--help", cwd=cwds[0])


def _run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone named podlog, which must not get in the way of the package podlog."""
    folder = tmp_path_factory.mktemp("beside") / "podlog"
    folder.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("proto", "coordinator", "cluster", "worker"):
        shutil.copytree(ROOT / name, folder / name, ignore=unwanted)
    return folder


@pytest.fixture(scope="session")
def built(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel made from it."""
    folder = tmp_path_factory.mktemp("dist")
    _run(
        sys.executable, "-m", "build", "--no-isolation", "--skip-dependency-check",
        "--outdir", str(folder), str(clone),
    )  # fmt: skip
    return folder


def test_the_wheel_holds_the_package_and_nothing_else(built: Path) -> None:
    """Each module and data file is in it; no tests, no examples."""
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    parts = {name.split("/")[0] for name in names}
    assert {part.split("-")[0] for part in parts} == {"podlog"} and len(parts) == 2
    expected = {f"podlog/{path.relative_to(ROOT)}" for path in package_sources()}
    assert expected <= names
    messages = {f"podlog/{path.relative_to(ROOT)}" for path in (ROOT / "proto").glob("*_pb2.py*")}
    assert messages | {f"podlog/proto/{path.name}" for path in ROOT.glob("proto/*.proto")} <= names
    manifests = {f"podlog/{p.relative_to(ROOT)}" for p in (ROOT / "cluster/manifests").iterdir()}
    assert manifests <= names
    assert not [name for name in names if "examples" in name or "tests" in name]


def test_the_wheel_imports_from_any_folder(built: Path, clone: Path, tmp_path: Path) -> None:
    """Installed from the wheel, it works elsewhere and beside a clone of the same name."""
    installed = Installed(tmp_path / "env")
    (wheel,) = built.glob("*.whl")
    installed.install(str(wheel))
    installed.check([tmp_path], installed.site)
    installed.check([clone.parent], installed.site, clone)


@pytest.mark.soak
def test_the_sdist_installs(built: Path, tmp_path: Path) -> None:
    """The source archive is complete: it builds and imports without the clone."""
    installed = Installed(tmp_path / "env")
    (sdist,) = built.glob("*.tar.gz")
    installed.install(str(sdist))
    installed.check([tmp_path], installed.site)


@pytest.mark.soak
@pytest.mark.parametrize("mode", ["lax", "strict"])
def test_an_editable_install_imports_from_any_folder(
    clone: Path, tmp_path: Path, mode: str
) -> None:
    """Both editable modes import the clone, from in it, beside it and elsewhere."""
    installed = Installed(tmp_path / "env")
    settings = ["--config-settings", "editable_mode=strict"] if mode == "strict" else []
    installed.install(*settings, "--editable", str(clone))
    installed.check([tmp_path, clone, clone.parent], clone)
