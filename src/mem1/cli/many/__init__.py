"""Many runs: listed, over seeds, swept."""
