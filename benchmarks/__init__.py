"""What README claims about speed and intervals: each file has ``run(quick)``, and runs alone."""
