"""What environments say in so many words and a scripted expert goes by: one text for both."""

LAST = "Answer all."
"""What the ``brief`` prompt asks first, and again under the number after the last question."""
ASKS = "Question: "
"""What stands in front of the next question where they come one after the other."""
