"""Netfilter: rulesets of both iptables backends and of nftables as one model, and a packet's way through them."""
