"""Our scores against SQuAD-style exact match and F1 written again from their description, and in another way.

The reference walks over characters and sorts tokens; ours translates, substitutes and counts. Neither calls the other.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mem1.rewards.exact_match import exact_match
from mem1.rewards.f1 import f1_multiset, f1_set
from mem1.rewards.normalise import normalise_released, normalise_standard

# ---------------------------------------------------------------- the reference

MARKS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


def reference_tokens(text: str) -> list[str]:
    """Lower case; the 32 ASCII marks vanish; whole words a, an, the vanish; the rest falls apart at blanks."""
    kept = [c for c in text.lower() if c not in MARKS]
    words: list[str] = [""]
    for c in kept:
        # A word, for articles, is a run of word characters: other characters end it, but stay in the token.
        if c.isalnum() or c == "_":
            words[-1] += c
        else:
            words += [c, ""]
    return "".join(" " if word in ("a", "an", "the") else word for word in words).split()


def reference_em(given_answer: str, golds: list[str]) -> int:
    return int(any(reference_tokens(gold) == reference_tokens(given_answer) for gold in golds))


def reference_f1(given_answer: str, golds: list[str]) -> float:
    return max(_overlap(reference_tokens(given_answer), reference_tokens(gold)) for gold in golds)


def _overlap(left: list[str], right: list[str]) -> float:
    closed = (["yes"], ["no"], ["noanswer"])
    if left != right and (left in closed or right in closed):
        return 0.0
    rest, common = sorted(right), 0
    for token in left:
        if token in rest:
            rest.remove(token)
            common += 1
    if common == 0:
        return 0.0
    precision, recall = common / len(left), common / len(right)
    return 2 * precision * recall / (precision + recall)


def reference_released_tokens(text: str) -> list[str]:
    """Lower case; every ASCII mark is a blank; articles stay."""
    return "".join(" " if c in MARKS else c for c in text.lower()).split()


def reference_released_f1(given_answer: str, golds: list[str]) -> float:
    best = 0.0
    for gold in golds:
        left, right = set(reference_released_tokens(given_answer)), set(reference_released_tokens(gold))
        if left & right:
            precision, recall = len(left & right) / len(left), len(left & right) / len(right)
            best = max(best, 2 * precision * recall / (precision + recall))
    return best


# ---------------------------------------------------------------- the strings

PIECES = [
    *("the", "The", "THE", "a", "A", "an", "An", "theatre", "banana", "another", "a-n", "th e", "the-", "t.h.e"),
    *("yes", "Yes.", "no", "NO", "noanswer", "no answer", "know", "yes!", "(no)", "y.e.s"),
    *("Lima", "lima", "São Tomé", "Straße", "STRASSE", "İstanbul", "ǅ", "ﬁn", "Ωmega", "naïve", "nai\u0308ve"),
    *("北京", "東京 都", "Москва", "القاهرة", "דוד", "हिन्दी", "🏔", "👩‍👩‍👧", "m²", "½", "Ⅷ", "①"),
    *("U.S.A.", "10,000", "3.14", "1990–91", "rock'n'roll", "“quoted”", "‘so’", "…", "—", "´", "¿qué?", "C++", "C#"),
    *("", " ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u2003", "\u200b", "\ufeff", "\x0b", "\x1c", "\x85", "\u2028"),
    *(";", "!?", "...", "_", "__a__", "a_b", "-the-", "$5", "%", "<b>", "\\n", "`", "~", "\x00"),
]
GLUE = ["", " ", " ", " ", "-", ".", ", ", "\u00a0", "'", "\n"]


def adversarial(rng: random.Random) -> str:
    """A few pieces, glued in a few ways."""
    return "".join(rng.choice(PIECES) + rng.choice(GLUE) for _ in range(rng.randint(0, 5)))


def adversarial_pairs(count: int) -> list[tuple[str, list[str]]]:
    """Answers with their golds, from a fixed seed; every other gold is the answer disguised, so that many agree."""
    rng = random.Random(20)
    pairs = []
    for number in range(count):
        answer = adversarial(rng)
        golds = [adversarial(rng) for _ in range(rng.randint(1, 3))]
        if number % 2:
            golds[0] = rng.choice(["", "the ", "A "]) + answer.upper() + rng.choice(["", ".", " an", " x", " of it"])
        pairs.append((answer, golds))
    return pairs


PAIRS = adversarial_pairs(1000)


def test_the_strings_are_what_they_should_be() -> None:
    answers = [answer for answer, _ in PAIRS]
    assert len(set(answers)) > 700
    assert any(not answer for answer in answers)
    assert sum(not answer.isascii() for answer in answers) > 300
    assert 200 < sum(reference_em(*pair) for pair in PAIRS) < 800, "both outcomes must be common"
    assert sum(0 < reference_f1(*pair) < 1 for pair in PAIRS) > 100
    closed = {"yes", "no", "noanswer"}
    assert sum(" ".join(reference_tokens(gold)) in closed for _, golds in PAIRS for gold in golds) > 50


def test_the_reference_by_hand() -> None:
    assert reference_tokens("The Cat's  hat.") == ["cats", "hat"]
    assert reference_tokens("the–end an\u00a0A") == ["–end"]
    assert reference_f1("no idea", ["no"]) == 0.0
    assert reference_f1("bora bora", ["bora bora island"]) == pytest.approx(4 / 5)


def test_standard_scores_agree_on_a_thousand_adversarial_strings() -> None:
    for answer, golds in PAIRS:
        assert normalise_standard(answer) == " ".join(reference_tokens(answer)), repr(answer)
        assert exact_match(answer, golds, normalise_standard) == reference_em(answer, golds), (answer, golds)
        assert f1_multiset(answer, golds) == pytest.approx(reference_f1(answer, golds), abs=1e-12), (answer, golds)


def test_released_scores_agree_on_a_thousand_adversarial_strings() -> None:
    for answer, golds in PAIRS:
        tokens = reference_released_tokens(answer)
        assert normalise_released(answer) == " ".join(tokens), repr(answer)
        em = int(any(reference_released_tokens(gold) == tokens for gold in golds))
        assert exact_match(answer, golds, normalise_released) == em, (answer, golds)
        assert f1_set(answer, golds) == pytest.approx(reference_released_f1(answer, golds), abs=1e-12), (answer, golds)


ANY = st.one_of(st.text(max_size=30), st.lists(st.sampled_from([*PIECES, *GLUE]), max_size=6).map("".join))


@settings(max_examples=300)
@given(ANY, st.lists(ANY, min_size=1, max_size=3))
def test_both_agree_on_whatever_text(answer: str, golds: list[str]) -> None:
    assert exact_match(answer, golds, normalise_standard) == reference_em(answer, golds)
    assert f1_multiset(answer, golds) == pytest.approx(reference_f1(answer, golds), abs=1e-12)
    assert f1_set(answer, golds) == pytest.approx(reference_released_f1(answer, golds), abs=1e-12)
