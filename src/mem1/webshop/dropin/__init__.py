"""The shop under the names and with the calls of the published environment, for programs written for that one.

``original``: ``WebAgentTextEnv``; ``ragen``: the same as RAGEN's ``webshop_minimal`` has it; ``service``: AgentGym's
JSON service; ``register``: the names that ``gymnasium.make`` knows.
"""
