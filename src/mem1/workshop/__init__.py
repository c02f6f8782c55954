"""A recipe's objects: each is built when first needed, and together they train, warm-start, distill and evaluate."""

from __future__ import annotations

from mem1.workshop.distilling import Distilling
from mem1.workshop.evaluating import Evaluating
from mem1.workshop.training import Training


class Workshop(Training, Distilling, Evaluating):
    """All that a recipe can do, over one set of objects."""
