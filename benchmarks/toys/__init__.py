"""Worlds of single tokens that a policy of a few thousand weights learns in seconds to minutes."""
