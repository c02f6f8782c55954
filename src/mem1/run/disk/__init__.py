"""What a session keeps on disk, and how a task is taken up from it."""
