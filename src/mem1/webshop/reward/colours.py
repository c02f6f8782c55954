"""Colours are folded before options are compared: the first of these words that an option holds stands for it.

The list is the published environment's (princeton-nlp/WebShop, MIT), since its scores depend on it word by word.
"""

from __future__ import annotations

_WORDS = """
alabaster apricot aqua ash asphalt azure banana beige black blue blush bordeaux bronze brown burgundy camel camo
caramel champagne charcoal cheetah chestnut chocolate christmas coffee cognac copper coral cranberry cream crystal
dark denim eggplant elephant espresso fuchsia gold granite grape graphite grass gray green grey heather indigo ivory
ivy khaki lavender lemon leopard light lilac lime magenta maroon mauve merlot midnight mint mocha multicolor
mushroom mustard natural navy nude olive orange peach pewter pink plum purple rainbow red rose royal rust sand
sapphire seashell silver skull slate steel stone stonewash sunflower tan taupe teal tiger turquoise violet walnut
wheat white wine yellow
"""
COLOURS = tuple(_WORDS.split())


def fold_colour(option: str) -> str:
    """The first colour word (in the list's order) inside ``option``; without one, ``option`` itself."""
    return next((colour for colour in COLOURS if colour in option), option)
