"""Every operator of ONNX has a rule, a definition or a reason for neither; new operators fail here until they do."""

from __future__ import annotations

import re
from pathlib import Path

import onnx
import onnx_ir as ir
import pytest
from reverie_gradient.backward import NEWEST_OPSET
from reverie_gradient.coverage import NO_GRADIENT, NO_GRADIENT_INPUTS, UNSUPPORTED
from reverie_gradient.functions import is_function
from reverie_gradient.rules.quantised import QUANTISING
from reverie_gradient.table import RULES, UNPORTABLE

from tests.gradient.all_cases import CASES

PAGE = Path(__file__).parents[2] / "docs" / "how-gradients-work.md"
SCHEMAS = {schema.name: schema for schema in onnx.defs.get_all_schemas() if schema.domain == ""}
# The installed ONNX may be older than the lists, and lack the newest operators.
NEWEST_KNOWN = onnx.defs.onnx_opset_version()


def test_the_newest_opset_is_the_newest_of_onnx() -> None:
    assert NEWEST_KNOWN <= NEWEST_OPSET


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_an_operator_has_a_rule_or_a_reason_or_a_definition(name: str) -> None:
    lists = [RULES.keys(), NO_GRADIENT.keys(), UNSUPPORTED.keys()]
    node = ir.Node("", name, [])
    ir.Graph([], [], nodes=[node], opset_imports={"": NEWEST_KNOWN})
    assert sum(name in names for names in lists) + is_function(node) == 1


def test_only_operators_of_onnx_are_listed() -> None:
    listed = {
        name for name in (*RULES, *NO_GRADIENT, *UNSUPPORTED, *NO_GRADIENT_INPUTS, *QUANTISING) if "::" not in name
    }
    if NEWEST_KNOWN == NEWEST_OPSET:
        assert listed <= SCHEMAS.keys()
    assert RULES.keys() >= QUANTISING
    assert RULES.keys() >= UNPORTABLE
    assert NO_GRADIENT_INPUTS.keys() <= RULES.keys()


@pytest.mark.parametrize("table", [NO_GRADIENT, UNSUPPORTED], ids=["no gradient", "unsupported"])
def test_every_operator_without_a_rule_has_a_reason(table: dict[str, str]) -> None:
    for name, reason in table.items():
        assert len(reason.split()) >= 4, name


def test_definitions_are_differentiated_by_cases() -> None:
    covered = {operator for case in CASES for operator in case.operators}
    nodes = [ir.Node("", name, []) for name in SCHEMAS]
    ir.Graph([], [], nodes=nodes, opset_imports={"": NEWEST_KNOWN})
    assert {node.op_type for node in nodes if is_function(node)} <= covered


def test_the_page_lists_every_rule_in_its_family() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\w ]+) \|$", PAGE.read_text(), re.MULTILINE))
    families: dict[str, set[str]] = {}
    for name, rule in RULES.items():
        families.setdefault(rule.__module__.rpartition(".")[2], set()).add(name)
    assert {family: set(names.split()) for family, names in rows.items()} == families
    assert f"{len(RULES)} operators have a rule" in PAGE.read_text()
