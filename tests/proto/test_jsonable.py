"""`jsonable` and `to_dict`: readable JSON of anything, no secrets, never an exception."""

import argparse
import collections
import dataclasses
import enum
import functools
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from podlog.proto.configdict import HIDDEN, ConfigDict, jsonable

Point = collections.namedtuple("Point", "x y")


class Color(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 0


@dataclasses.dataclass
class Plain:
    a: Any = 1
    api_key: str = "s3cret"


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    a: int = 1


@dataclasses.dataclass(kw_only=True)
class Inner(ConfigDict):
    rate: float = 0.5
    where: Path = dataclasses.field(default=Path("/a/b"))


@dataclasses.dataclass
class Outer(ConfigDict):
    inner: Inner = dataclasses.field(default_factory=Inner)
    items: Any = ()
    kind: Any = Inner
    extra: Any = None


class Theirs:
    """A config class of a project, known only by its `to_dict`."""

    def to_dict(self) -> dict[str, Any]:
        return {"ours": Outer(), "t": (1, 2)}


class Broken:
    def to_dict(self) -> Any:
        raise RuntimeError("not now")

    def __repr__(self) -> str:
        raise RuntimeError("not even this")


class Anything:
    """An object without a repr of its own."""


class Array:
    """Like a jax array that must not be fetched."""

    dtype = np.dtype("float32")
    shape = (2, 3)

    def __array__(self, *_: Any) -> Any:
        raise AssertionError("fetched")


def strict(value: Any) -> str:
    """JSON text, where NaN and lone surrogates are errors."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    text.encode()
    return text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (2**80, 2**80),
        (0.5, 0.5),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
        ("bad \ud800", "bad \\ud800"),
        (Path("/a/b"), "/a/b"),
        (b"text", "text"),
        (b"\x00\xff", "0x00ff"),
        (np.float32(0.5), 0.5),
        (np.array([1, 2]), [1, 2]),
        (np.array([0.5, np.nan]), [0.5, "NaN"]),
        (np.zeros((100, 100)), "float64[100,100]"),
        (Array(), "float32[2,3]"),
        (np.dtype("int8"), "int8"),
        (np.float32, "numpy.float32"),
        (Color.RED, "RED"),
        (Level.LOW, "LOW"),
        ({1, 3, 2}, [1, 2, 3]),
        (frozenset({"b", 1}), [1, "b"]),
        ((1, [2, (3,)]), [1, [2, [3]]]),
        (Point(1, (2,)), {"x": 1, "y": [2]}),
        ({1: "a", "1": "b", None: 2, Color.RED: 3, (1, 2): 4},
         {"1": "a", "1'": "b", "None": 2, "RED": 3, "[1, 2]": 4}),
        (SimpleNamespace(a=Path("/x")), {"a": "/x"}),
        (argparse.Namespace(wb_key="k", lr=1), {"wb_key": HIDDEN, "lr": 1}),
        (Slotted(), {"a": 1}),
        (Anything(), f"<{__name__}.Anything object>"),
        (strict, f"{__name__}.strict"),
        (len, "builtins.len"),
        (functools.partial(strict, 1, k=2),
         {"function": f"{__name__}.strict", "args": [1], "keywords": {"k": 2}}),
        (Broken(), "<Broken>"),
        (Broken, f"{__name__}.Broken"),
    ],
)  # fmt: skip
def test_anything_becomes_readable_json(value: Any, expected: Any) -> None:
    """Each kind of value has one readable form, the same in every run."""
    assert jsonable(value) == expected
    strict(jsonable(value))


def test_integers_too_long_for_decimal_are_hexadecimal() -> None:
    """Python refuses to print very long integers in decimal."""
    assert jsonable([1 << 20_000]) == [hex(1 << 20_000)]


def test_cycles_and_depth_end() -> None:
    """A reference to a holder is named; what is merely shared is written twice."""
    shared = [1]
    loop: dict[str, Any] = {"a": shared, "b": shared}
    loop["me"] = [loop]
    assert jsonable(loop) == {"a": [1], "b": [1], "me": ["<cycle>"]}
    config = Outer()
    config.extra = {"back": config}
    assert config.to_dict()["extra"] == {"back": "<cycle>"}

    deep: list[Any] = []
    for _ in range(10_000):
        deep = [deep]
    assert "<too deep>" in strict(jsonable(deep))


@settings(deadline=None, max_examples=60)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.integers() | st.text(), inner)
            | st.builds(Plain, inner)
            | st.builds(Outer, extra=inner)
        ),
    )
)
def test_the_result_is_strict_json_and_stable(value: Any) -> None:
    """Whatever goes in, strict JSON comes out, and converting it again changes nothing."""
    once = jsonable(value)
    assert json.loads(strict(once)) == once
    assert jsonable(once) == once


def test_configs_of_a_project_are_asked_for_their_dict() -> None:
    """`to_dict` is what counts, and lists come out of it for JSON and YAML."""
    value = jsonable({"trainer": Theirs(), "broken": Broken()})
    assert value["trainer"]["t"] == [1, 2]
    assert value["trainer"]["ours"]["inner"] == {"rate": 0.5, "where": "/a/b"}
    assert yaml.safe_load(yaml.safe_dump(value)) == value


def test_a_to_dict_that_never_ends_is_described() -> None:
    """A project's own endless recursion does not take the run down."""

    class Endless:
        def to_dict(self) -> Any:
            return {"me": self.to_dict()}

    strict(jsonable({"config": Endless()}))


def test_omegaconf_is_read_and_missing_values_are_named() -> None:
    """Hydra's containers become plain ones; ``???`` does not raise."""
    config = OmegaConf.create({"a": [1, {"b": "${c}"}], "c": 5, "gone": "???"})
    assert jsonable(config) == {"a": [1, {"b": 5}], "c": 5, "gone": "<MissingMandatoryValue>"}


def test_to_dict_keeps_order_and_makes_tuples() -> None:
    """As the seed's: attributes in order, sequences tuples, paths and classes text."""
    config = Outer(items=[Inner(), {"p": Path("/x")}], extra={"k": [1, float("nan")]})
    assert config.to_dict() == {
        "inner": {"rate": 0.5, "where": "/a/b"},
        "items": ({"rate": 0.5, "where": "/a/b"}, {"p": "/x"}),
        "kind": f"{__name__}.Inner",
        "extra": {"k": (1, "NaN")},
    }
    assert list(config.to_dict()) == ["inner", "items", "kind", "extra"]
    strict(config.to_dict())
    assert (config.get("kind"), config.get("none"), config.get("none", 3)) == (Inner, None, 3)


@dataclasses.dataclass(kw_only=True)
class Secrets(ConfigDict):
    wb_key: str | None = None
    my_token: str = "s3cret"
    password: str = dataclasses.field(default="s3cret", metadata={"secret": True})
    raw: Any = dataclasses.field(default=("s3cret",), metadata={"secret": True})
    column_key: str = dataclasses.field(default="shown", metadata={"secret": False})
    key_file: Path = Path("/shown")
    n_token: int = 5


def test_secrets_are_hidden_at_any_depth() -> None:
    """No secret gets into a dict: not below configs, dataclasses, lists or dicts."""
    holders = [
        Secrets(wb_key="s3cret"),
        Outer(items=[Secrets(wb_key="s3cret")], extra={"x": Plain()}),
        {"a": [Secrets(wb_key="s3cret"), Plain(), {"api_key": "s3cret", "auth_token": b"s3cret"}]},
    ]
    for holder in holders:
        assert "s3cret" not in strict(jsonable(holder))


def test_what_is_no_secret_is_shown() -> None:
    """Unset secrets, paths, numbers, opted-out fields and vocabulary stay readable."""
    shown = Secrets().to_dict()
    assert shown["wb_key"] is None and shown["my_token"] == HIDDEN
    assert (shown["column_key"], shown["key_file"], shown["n_token"]) == ("shown", "/shown", 5)
    assert jsonable({"eos_token": "</s>", "sort_key": "x"}) == {
        "eos_token": "</s>",
        "sort_key": "x",
    }
