"""A recipe's parts, built (``build.py``), and what they do: train, warm-start, distill, evaluate."""
