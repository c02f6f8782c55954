"""What trains: the protocol, the trainer in this process, and weights on their way to engines outside it.

Trainers of other people are in ``mem1.integrations``.
"""
