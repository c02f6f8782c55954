"""What benchmarks start as processes of their own, or name in settings."""
