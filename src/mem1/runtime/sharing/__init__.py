"""A trained policy for others: its folder says all that is needed to evaluate it again."""
