"""Beside a run of the shipped parallel policy: recorded policies of other memories, published systems."""
