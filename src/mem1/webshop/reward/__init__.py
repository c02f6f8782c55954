"""What a purchase is worth, and what it is measured with: nouns of titles, likeness of texts, colours."""
