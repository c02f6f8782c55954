"""The protocols by their names."""

from __future__ import annotations

from mem1.webshop.protocols.base import Protocol
from mem1.webshop.protocols.mem1 import Mem1Protocol
from mem1.webshop.protocols.verl_agent import VerlAgentProtocol
from mem1.webshop.protocols.webshop import WebshopProtocol
from mem1.webshop.shop.kinds import Look, ProtocolName


def protocol(name: ProtocolName, look: Look) -> Protocol:
    """The protocol of that name; ``look`` is the page's form where the protocol leaves it open."""
    match name:
        case "mem1":
            return Mem1Protocol()
        case "verl-agent":
            return VerlAgentProtocol()
        case "webshop":
            return WebshopProtocol(look)
