"""Who is asked for addresses: four services, a corpus, another search service; one protocol."""
