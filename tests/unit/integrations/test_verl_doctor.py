"""`mem1 doctor --cluster` says of each node whether it can train by verl."""

from __future__ import annotations

import sys

import pytest

from mem1.cli.commands.doctor import _cluster, _node
from mem1.doctor import Status
from mem1.errors import Mem1Error


def test_a_node_with_the_plug_in_is_fine_and_one_without_says_why() -> None:
    fine = _node("10.0.0.1", {"mem1-rl": "0.1.0", "verl": "0.9.1", "torch": None}, None)
    assert (fine.status, fine.found) == (Status.OK, "mem1-rl 0.1.0, verl 0.9.1")
    bad = _node("10.0.0.2", {"verl": "0.9.1"}, "Traceback ...\nModuleNotFoundError: No module named 'mem1'\n")
    assert bad.status is Status.FAIL
    assert bad.found == "verl 0.9.1: ModuleNotFoundError: No module named 'mem1'"
    assert "mem1-rl[verl]" in bad.hint


def test_without_ray_it_is_said_where_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "mem1.integrations.verl.nodes", raising=False)
    with pytest.raises(Mem1Error, match="a package that is not here"):
        _cluster("auto")
