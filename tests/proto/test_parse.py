"""`from_dict`: each value is read by its field's type, or refused by name."""

import dataclasses
import enum
import json
from collections import OrderedDict
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from podlog.proto.configdict import HIDDEN, ConfigDict
from podlog.proto.errors import ConfigError


class Color(enum.Enum):
    RED = "r"
    BLUE = "b"


@dataclasses.dataclass
class A(ConfigDict):
    a: int = 1
    name: str | None = None


@dataclasses.dataclass
class B(A):
    b: float = 0.5
    where: Path | None = None


@dataclasses.dataclass(kw_only=True)
class Tree(ConfigDict):
    size: int
    child: A | B | None = None
    children: list[A] = dataclasses.field(default_factory=list)
    by_name: dict[str, A] = dataclasses.field(default_factory=dict)
    pair: tuple[int, str] = (1, "x")
    many: tuple[float, ...] = ()
    union: int | tuple[int, ...] | str = 0
    color: Color = Color.RED
    mode: Literal["fast", "slow"] = "fast"
    dtype: Literal["bfloat16", "float32"] = "float32"
    kind: type[A] = A
    flag: bool = False
    other: Any = None
    derived: int = dataclasses.field(default=0, init=False)


def _one(hint: Any, value: Any, **options: Any) -> Any:
    """`value` as it is read for a field of type `hint`."""
    made = dataclasses.make_dataclass("Made", [("x", hint)], bases=(ConfigDict,))
    return ConfigDict.from_dict(made, {"x": value}, **options).x  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("hint", "value", "expected"),
    [
        (bool, "False", False),
        (bool, "true", True),
        (bool, 0, False),
        (int, "5", 5),
        (int, 5.0, 5),
        (int, str(2**70), 2**70),
        (float, 1, 1.0),
        (float, "1e-3", 0.001),
        (float, "NaN", pytest.approx(float("nan"), nan_ok=True)),
        (float, "-Infinity", float("-inf")),
        (str, 5, "5"),
        (str, "jax.numpy.bfloat16", "bfloat16"),
        (str, "<class 'jax.numpy.bfloat16'>", "bfloat16"),
        (str, "numpy.notes", "numpy.notes"),
        (Path, "/a", Path("/a")),
        (Path | None, "/a", Path("/a")),
        (Path | None, Path("/a"), Path("/a")),
        (Path | str | None, None, None),
        (Optional[int], "5", 5),  # noqa: UP045  # both spellings are in use
        (Optional[int], None, None),  # noqa: UP045
        (int | None, "None", None),
        (str | None, "None", "None"),
        (str | None, None, None),
        (int | float, 5, 5),
        (int | float, 5.5, 5.5),
        (float | str, "x", "x"),
        (bool | int, 1, 1),
        (str | int, 5, 5),
        (Annotated[int, "note"], "5", 5),
        (dict[str, int], {"a": "5"}, {"a": 5}),
        (dict[int, str], {"1": "x"}, {1: "x"}),
        (list[int] | None, ["1", 2], [1, 2]),
        (tuple[int, ...], [1, "2"], (1, 2)),
        (tuple[int, str], ("1", 2), (1, "2")),
        (tuple[()] | int, 3, 3),
        (tuple, [1], (1,)),
        (set[int], ["1", 1], {1}),
        (frozenset[str], ["a"], frozenset("a")),
        (list[A], [{"a": 2}], [A(2)]),
        (dict[str, list[A]], {"k": [{"a": "2"}]}, {"k": [A(2)]}),
        (A, "A(a=5)", A(5)),
        (A, "tests.config.A(a=5, name='x')", A(5, "x")),
        (A | B, "B(a=5, b=0.25, where=PosixPath('/x'))", B(5, None, 0.25, Path("/x"))),
        (A, A(3), A(3)),
        (Color, "RED", Color.RED),
        (Color, "b", Color.BLUE),
        (Color, "Color.BLUE", Color.BLUE),
        (Literal[1, "1"], "1", "1"),
        (Literal["bfloat16"], "<class 'jax.numpy.bfloat16'>", "bfloat16"),
        (Literal[1, 2], "2", 2),
        (type, "collections.OrderedDict", OrderedDict),
        (type[OrderedDict], "<class 'collections.OrderedDict'>", OrderedDict),
        (type, "int", int),
        (Any, {"a": [1]}, {"a": [1]}),
        (object, 3, 3),
    ],
)
def test_a_value_is_read_by_its_type(hint: Any, value: Any, expected: Any) -> None:
    """Text and JSON become what the annotation says, with the exact type."""
    read = _one(hint, value)
    assert read == expected
    assert type(read) is type(expected) or isinstance(expected, type(pytest.approx(0)))


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (bool, "perhaps"),
        (bool, 2),
        (int, 5.5),
        (int, "x"),
        (int, None),
        (int, float("inf")),
        (float, "x"),
        (float, [1]),
        (str, None),
        (str, {"a": 1}),
        (Path, 3),
        (int | None, "x"),
        (Literal["a", "b"], "c"),
        (Literal[1], True),
        (tuple[int, str], [1]),
        (tuple[int, ...], "12"),
        (list[int], {"a": 1}),
        (dict[str, int], [1]),
        (A, "B(a=5)"),
        (A, "A(a=5"),
        (A, "A(a=__import__('os').getcwd)"),
        (A, 3),
        (Color, "green"),
        (type, "no.such.module.C"),
        (type, 3),
    ],
)
def test_what_does_not_fit_names_the_field(hint: Any, value: Any) -> None:
    """A bad value raises one error that says where it was."""
    with pytest.raises(ConfigError, match=r"Made\.x|Made: "):
        _one(hint, value)


def test_a_nested_place_is_named_in_full() -> None:
    """The error leads to the value, however deep."""
    with pytest.raises(ConfigError, match=r"Tree\.children\[1\]\.a: 'x' is not a int"):
        ConfigDict.from_dict(Tree, {"size": 1, "children": [{}, {"a": "x"}]})


def test_unknown_names_are_ignored_unless_strict() -> None:
    """By default a dict of a newer version is read; strict finds typing mistakes."""
    assert ConfigDict.from_dict(A, {"a": 2, "more": 1}) == A(2)
    with pytest.raises(ConfigError, match="A has no 'more'"):
        ConfigDict.from_dict(A, {"a": 2, "more": 1}, strict=True)
    with pytest.raises(ConfigError, match=r"Tree\.child"):
        ConfigDict.from_dict(Tree, {"size": 1, "child": {"aa": 1}}, strict=True)


def test_a_missing_field_is_named() -> None:
    """A field without default and value raises, naming both."""
    with pytest.raises(ConfigError, match=r"Tree.*size"):
        ConfigDict.from_dict(Tree, {})


def test_none_is_zero_for_ints_at_any_depth() -> None:
    """The option reaches nested configs, lists and dicts."""
    data = {"size": None, "child": {"a": None}, "children": [{"a": None}]}
    tree = ConfigDict.from_dict(Tree, data, none_to_zero_for_ints=True)
    assert (tree.size, tree.child, tree.children) == (0, A(0), [A(0)])
    assert _one(int | None, None, none_to_zero_for_ints=True) is None
    assert _one(int | str, None, none_to_zero_for_ints=True) == 0


def test_hidden_secrets_are_not_given() -> None:
    """The mark of a secret is not taken for one: the default stays."""
    assert ConfigDict.from_dict(A, {"name": HIDDEN}) == A()


TREES = st.builds(
    Tree,
    size=st.integers(),
    child=st.none() | st.builds(B, st.integers(), st.none() | st.just("x"), st.floats(0, 1)),
    children=st.lists(st.builds(A, st.integers()), max_size=2),
    by_name=st.dictionaries(st.text("ab"), st.builds(A, st.integers()), max_size=2),
    pair=st.tuples(st.integers(), st.text("xy")),
    many=st.lists(st.floats(allow_nan=False)).map(tuple),
    union=st.integers() | st.lists(st.integers()).map(tuple),
    color=st.sampled_from(Color),
    mode=st.sampled_from(["fast", "slow"]),
    kind=st.sampled_from([A, B]),
    flag=st.booleans(),
)


@settings(deadline=None, max_examples=80)
@given(TREES)
def test_a_config_survives_its_own_dict_and_json(tree: Tree) -> None:
    """`from_dict(to_dict)` gives an equal config, through JSON too."""
    data = tree.to_dict()
    assert ConfigDict.from_dict(Tree, data) == tree
    assert ConfigDict.from_dict(Tree, json.loads(json.dumps(data))) == tree
    assert ConfigDict.from_dict(Tree, OmegaConf.create(json.loads(json.dumps(data)))) == tree


def test_annotations_that_cannot_be_resolved_are_taken_as_any() -> None:
    """A dataclass with a forward reference to a local class is still read."""
    made = dataclasses.make_dataclass("Made", [("x", "NoSuchType"), ("y", int)])
    read = ConfigDict.from_dict(made, {"x": 1, "y": "2"})
    assert (read.x, read.y) == (1, 2)  # type: ignore[attr-defined]
