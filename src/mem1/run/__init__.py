"""``mem1 run``: an agent of bounded memory on any engine, with the tools its user enables, on a task of her own."""
