"""Addresses that somebody else chose: fetched from public hosts only, whatever they redirect or resolve to."""
