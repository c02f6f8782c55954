"""What a memory kept: which answers were found, how long they stood in context, where they were lost."""
