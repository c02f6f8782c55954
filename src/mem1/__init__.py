"""mem1: train, evaluate and run language agents that work with constant memory."""

__version__ = "0.1.0"
