"""What people did in the shop: a log of their sessions, which becomes demonstrations and a human score."""
