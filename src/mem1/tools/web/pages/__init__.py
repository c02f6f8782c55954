"""Pages: fetched through the guard, decoded, and read to text by a program of its own that can be stopped."""
