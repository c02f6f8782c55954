"""The web shop: a catalogue and its goals, the shop itself, a site for people, a shopper by rules.

It registers itself as anybody else's part does, in `parts.py`; nothing else of the program knows it.
"""
