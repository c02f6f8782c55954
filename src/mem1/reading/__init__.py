"""How a recipe is read: its files, what the command line lays on top, what is wrong with it in words."""
