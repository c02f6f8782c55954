"""The shop as other projects present it to a policy: ``env.protocol``, ``source.protocol``.

A protocol says how a turn is read, what a page looks like to the policy, what breaks an episode off and what its
training is paid. It reads the whole turn as it was written (``actions/turn.py``) and shops in the ``compat`` shop.
"""
