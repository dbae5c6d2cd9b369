"""Chains that could not be read."""

from __future__ import annotations

from netdoctor.kernel.netfilter.model import FirewallRule, UnknownStatement


def unread(chain: str) -> FirewallRule:
    """Return what stands for the rules of a chain that could not be read: anything may be in them."""
    return FirewallRule(0, f"the rules of {chain}", (), (UnknownStatement(f"the rules of {chain}"),))
