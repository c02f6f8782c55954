"""Engines of others that train on mem1's episodes."""
