"""Credit for what is written to memory: extra advantage on the tokens of states, from what they tell of the answers."""
