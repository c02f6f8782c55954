"""Which addresses of the network are public: a rule of our own, for the library's changes with Python's version.

Sources: the special-purpose registries of IANA for IPv4 and IPv6, and what was found to pass ``is_global``: multicast,
relays, translation prefixes with an IPv4 address inside, and the host agent of a cloud.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

_NOT_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",
            "100.64.0.0/10",  # shared by carriers; the metadata service of a cloud
            "127.0.0.0/8",
            "169.254.0.0/16",  # link-local; the metadata services of most clouds
            "172.16.0.0/12",
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/3",  # multicast, reserved, broadcast
            "168.63.129.16/32",  # the host agent of a cloud
        ),
    )
)
_UNICAST = IPv6Network("2000::/3")
_NOT_V6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments, Teredo among them
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: an IPv4 address inside
            "3fff::/20",  # documentation
        ),
    )
)


def is_public(address: str) -> bool:
    """Whether ``address``, as the resolver gives it, is one of the public network. What is no address is not.

    An IPv6 address that stands for an IPv4 one (``::ffff:0:0/96``) is judged as that; one with a scope is refused.
    """
    if "%" in address:
        return False
    try:
        found: IPv4Address | IPv6Address = IPv6Address(address) if ":" in address else IPv4Address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        mapped = found.ipv4_mapped
        if mapped is None:
            return found.is_global and found in _UNICAST and not any(found in network for network in _NOT_V6)
        found = mapped
    return found.is_global and not found.is_multicast and not any(found in network for network in _NOT_V4)
