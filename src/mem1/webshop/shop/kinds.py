"""The shop's settings and their defaults, for its configuration and for the parts that it sets up."""

from __future__ import annotations

from typing import Literal

SearchKind = Literal["auto", "lucene"]
Mode = Literal["strict", "compat"]
Look = Literal["text", "text_rich"]

SHOWN = 50
"""Products that a search finds at most."""
CONTENT_WORDS = "content_words"
"""The noun extractor that needs no model."""
AUTO = "auto"
"""The noun extractor that suits the mode and what is installed."""
PUBLISHED = "en_core_web_sm"
"""The noun extractor of the published environment."""
