"""What a command would do and cost, said before it does it: no model is asked, no service, nothing is written."""
