"""When two short texts count as the same: a token set ratio above 85, to the last rounded point.

Source: thefuzz 0.19 without python-Levenshtein, which the published environment installs. It differs from rapidfuzz in
three ways that decide purchases: an underscore is a letter ("black_style_99464" is one word), ratios are rounded to
whole numbers before they are compared (85.1 is 85), and the ratio is difflib's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import SequenceMatcher
from functools import lru_cache

from mem1.errors import ConfigError
from mem1.installed import install_hint

ALIKE = 85
"""A token set ratio above it counts as a match."""
_LATIN_1 = dict.fromkeys(range(128, 256))
_NO_WORD = re.compile(r"\W")


@lru_cache(maxsize=1 << 16)
def alike(left: str, right: str) -> bool:
    """Whether the token set ratio of both is above 85."""
    return token_set_ratio(left, right, above=ALIKE) > ALIKE


def token_set_ratio(left: str, right: str, *, above: int = 0) -> int:
    """The largest ratio, 0 to 100, among the shared words and the shared words with either's others.

    Words are lower-case and sorted; the code points 128 to 255 are dropped. A text without words has no ratio: 0.
    Ratios of ``above`` or less may come out as 0, which is faster.
    """
    mine, others = words(left), words(right)
    if not mine or not others:
        return 0
    shared = " ".join(sorted(mine & others))
    whole = [f"{shared} {' '.join(sorted(rest))}".strip() for rest in (mine - others, others - mine)]
    return max(_ratio(a, b, above) for a, b in ((shared, whole[0]), (shared, whole[1]), (whole[0], whole[1])))


@lru_cache(maxsize=1 << 14)
def words(text: str) -> frozenset[str]:
    """The words of a text, lower-case: what stands between signs that are neither letter, digit nor underscore."""
    return frozenset(_NO_WORD.sub(" ", text.translate(_LATIN_1)).lower().split())


def _ratio(left: str, right: str, above: int) -> int:
    if left == right:
        return 100
    if not left or not right:
        return 0
    # Difflib's blocks are a common subsequence, so the longest one, which is much faster to find, bounds its ratio.
    if _longest()(left, right) <= above:
        return 0
    return round(100 * SequenceMatcher(None, left, right).ratio())


@lru_cache(maxsize=1)
def _longest() -> Callable[[str, str], float]:
    """100 * 2 * longest common subsequence / both lengths."""
    try:
        from rapidfuzz import fuzz
    except ModuleNotFoundError as error:
        raise ConfigError(
            "the shop's reward needs the package rapidfuzz", where="the web shop", hint=install_hint("shop")
        ) from error
    return fuzz.ratio
