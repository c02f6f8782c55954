"""The one HTTP client: endpoints, judges, search services and whatever else is asked over the network.

Nothing else imports httpx. What comes through here is read up to a limit, within a deadline, tried again by one set of
rules, and holds no key.
"""
