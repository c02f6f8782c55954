"""How numbers are written: the same everywhere, readable in a column."""

from __future__ import annotations

from mem1.evaluation.measures import spec_of
from mem1.evaluation.records import Metric

_MINUS = "−"
_THIN = "\u202f"  # narrow no-break space: groups digits without breaking a line


def number(value: float, decimals: int) -> str:
    """``value`` with ``decimals`` places, thousands grouped, a true minus sign."""
    text = f"{abs(value):,.{decimals}f}".replace(",", _THIN)
    negative = value < 0 and any(digit in text for digit in "123456789")
    return f"{_MINUS}{text}" if negative else text


def compact(value: float, decimals: int = 0) -> str:
    """``value`` in at most four digits and a suffix: 1.23 k, 45.6 M; small ones as ``number``."""
    for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            scaled = value / (1e3 if suffix == "k" else limit)
            return f"{number(scaled, 2 if abs(scaled) < 10 else 1)}{_THIN}{suffix}"
    return number(value, decimals)


def power(value: float) -> str:
    """``value`` as a number times a power of ten."""
    factor, _, exponent = f"{value:.1e}".partition("e")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{number(float(factor), 1)} × 10{raised}"


def signed(value: float, decimals: int) -> str:
    """``value`` with its sign, plus included."""
    text = number(value, decimals)
    return text if text.startswith(_MINUS) or not any(digit in text for digit in "123456789") else f"+{text}"


def mean_of(measure: str, metric: Metric | None) -> str:
    """A metric's mean as its measure is written; a dash where nothing is known."""
    if metric is None:
        return "–"
    return compact(metric.mean, spec_of(measure).decimals)


def interval_of(measure: str, metric: Metric | None, *, sign: bool = False) -> str:
    """A metric's interval as ``low … high``; empty where there is none."""
    if metric is None or metric.low is None or metric.high is None:
        return ""
    decimals = spec_of(measure).decimals
    if sign:
        return f"{signed(metric.low, decimals)} … {signed(metric.high, decimals)}"
    return f"{compact(metric.low, decimals)} … {compact(metric.high, decimals)}"
