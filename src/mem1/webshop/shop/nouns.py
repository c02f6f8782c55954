"""Which words of a product's title name what it is: pluggable, and recorded with every reward.

The published reward takes spaCy's nouns and proper nouns. The default here needs no model: all words that are neither
grammar, numbers nor common describing words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module

from mem1.errors import ConfigError
from mem1.imports import find
from mem1.webshop.shop.kinds import CONTENT_WORDS

Nouns = Callable[[str], tuple[str, ...]]

_WORD = re.compile(r"[^\W\d_][\w.]*[^\W_]|[^\W\d_]")
_GRAMMAR_WORDS = """
a about above after all also an and any are as at be between but by can come do each easy etc every fit fits for
free from get has have her his how if in into is it its make made makes more most new no non not of off on one only
or other our out over per plus so such than that the their them these this those to too two under up us use used
very via w was we when which while with within without x you your
"""
_GRAMMAR = frozenset(_GRAMMAR_WORDS.split())
_DESCRIBING_WORDS = """
adjustable big black blue breathable bright brown casual classic clear comfortable compatible cool cute dark deep
different dual durable elastic electric fast fashionable flexible foldable fresh full funny gluten gold gray great
green grey handmade heavy high hot large light lightweight little long loose low mini modern multi natural nice
novel old organic original outdoor perfect personalized pink portable premium professional pure purple quick real
rechargeable red replaceable reusable rich round rustic sexy sharp short silver simple slim small smart soft solid
special square strong super sweet tall thick thin tight tiny traditional universal unique vintage warm washable
waterproof white wide wild wireless wooden yellow young
"""
_DESCRIBING = frozenset(_DESCRIBING_WORDS.split())


def content_words(title: str) -> tuple[str, ...]:
    """The title's words that may be nouns, lower-case, in order, repeats kept."""
    return tuple(w for w in _WORD.findall(title.lower()) if w not in _GRAMMAR and w not in _DESCRIBING and len(w) > 1)


def load_nouns(name: str) -> Nouns:
    """The extractor of that name, remembering what it found.

    ``content_words``; ``spacy:MODEL``, e.g. ``spacy:en_core_web_lg``, which the published figures used; or
    ``module:function`` of your own, from a title to a sequence of lower-case words. Raises ``ConfigError`` where it
    cannot be imported. The caller has seen to it that it may be (``imports.py``).
    """
    if name == CONTENT_WORDS:
        found: Nouns = content_words
    elif name.startswith("spacy:"):
        found = _spacy(name.partition(":")[2])
    else:
        found = find(name, where="env.nouns", form="'content_words', 'spacy:MODEL' or 'module:function'")
    return lru_cache(maxsize=1 << 16)(lambda title: tuple(found(title)))


def _spacy(model: str) -> Nouns:
    try:
        parse = import_module("spacy").load(model)
    except (ImportError, OSError) as error:
        raise ConfigError(
            f"cannot load the spaCy model {model!r}: {error}",
            where="env.nouns",
            hint="pip install spacy and the model, or use nouns = 'content_words'",
        ) from error
    return lambda title: tuple(word.text.lower() for word in parse(title) if word.pos_ in ("NOUN", "PROPN"))
