"""What is settled before the first turn: the session, the model and its window, the actions and the prompt."""
