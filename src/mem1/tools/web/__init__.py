"""The open web as tools: search services and a page reader behind one guard, with recordings of what was found."""
