"""These tests need verl, which has an environment of its own (make test-verl); anywhere else they are skipped."""

from __future__ import annotations

import importlib.util
import os

import pytest

THERE = importlib.util.find_spec("verl") is not None
collect_ignore_glob = [] if THERE else ["test_*.py"]
if THERE:
    os.environ.setdefault("VERL_PLATFORM", "cpu")  # before verl is imported, which asks at once
    os.environ.setdefault("MEM1_VERL", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of them are marked."""
    for item in items:
        if "integrations/verl" in str(item.path):
            item.add_marker(pytest.mark.verl)
