"""Runs on Ray: minutes each. They need verl, which has an environment of its own (make test-verl)."""

from __future__ import annotations

import importlib.util

import pytest

collect_ignore_glob = [] if importlib.util.find_spec("verl") is not None else ["test_*.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of them are marked."""
    for item in items:
        if "e2e/verl" in str(item.path):
            item.add_marker(pytest.mark.verl)
            item.add_marker(pytest.mark.slow)
