"""verl on processors alone: for tests and laptops. Chosen by ``VERL_PLATFORM=cpu``."""
