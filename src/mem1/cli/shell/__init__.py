"""What makes the command pleasant in a shell: completion, examples, groups."""
