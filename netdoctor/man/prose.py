"""What the manual page says besides what the parser knows."""

from __future__ import annotations

#: When this was last changed.
DATE = "2026-11-21"
NAME = "explain why one container cannot reach another"

SYNOPSIS = (
    ("why-no-ping", "[OPTIONS] SRC DST"),
    ("why-no-connect", "[OPTIONS] SRC DST --tcp PORT | --udp PORT"),
    ("", "COMMAND [ARGUMENTS]"),
    ("", "REPORT.json [OPTIONS]"),
)

DESCRIPTION = (
    "netdoctor reads the state of a Linux container host, moves one packet through it the way the kernel would "
    "(routes, neighbours, veth pairs, bridges, tunnels, the rules of iptables and nftables, NAT), then the reply, and "
    "says where the packet ends, which fact decided it, how to see that fact, and what to do. The fix is tried in "
    "memory first: the packet is walked again, and what would stop it next is found too.",
    "It changes nothing. A live run also sends a few packets as `ping` would, to hold the answer against what becomes "
    "of them; `--no-probe` leaves that out. It needs root to look into all namespaces; `netdoctor preflight` says what "
    "a user may do and see.",
    "Standard output carries the answer only; progress, warnings and errors go to standard error.",
)

ENDPOINTS = (
    "SRC and DST are given as",
    ("NAME", "a container, a pod (NAME or NAMESPACE/NAME) or a named network namespace"),
    (
        "docker:NAME",
        "a container of Docker, by its name or the beginning of its id; also podman:, cri:, lxc:, nspawn:",
    ),
    ("pod:NAMESPACE/NAME", "that pod"),
    ("netns:NAME_OR_PATH", "a named network namespace (see `ip netns`), or the file of one"),
    ("pid:N", "the network namespace of a process"),
    ("host", "the host's own network namespace"),
    ("ADDRESS", "as SRC: the namespace that owns it; as DST: that address, whoever owns it"),
    ("svc:NAMESPACE/NAME[:PORT]", "as DST: a Kubernetes Service, as the rules of kube-proxy name it"),
    ("ANY@HOST", "the same, on that host of those in the snapshots"),
    "A name that several things have is refused, with the forms that tell them apart.",
)

FILES = (
    (
        "/run/netdoctor",
        "notes of what a running `--trace` has put in place, so that it is removed if the run is killed",
    ),
)

ENVIRONMENT = (
    ("DOCKER_HOST", "where Docker's socket is, as unix://PATH"),
    ("NO_COLOR", "no colours, whatever it is set to"),
)

SECTIONS: tuple[tuple[str, tuple[str | tuple[str, str], ...]], ...] = (
    ("ENDPOINTS", ENDPOINTS),
    ("ENVIRONMENT", ENVIRONMENT),
    ("FILES", FILES),
)

EXAMPLES = (
    ("Why does web not reach db", "netdoctor why-no-ping web db"),
    (
        "The same for a connection, for a ticket",
        "netdoctor why-no-connect web db --tcp 5432 --output markdown",
    ),
    ("Take a host along, and ask elsewhere", "netdoctor snapshot -o host.json.gz"),
    ("Answer from it, without root", "netdoctor why-no-ping web db --snapshot host.json.gz"),
    (
        "What the packets of the question met, for Wireshark",
        "netdoctor why-no-ping web db --pcap web-db.pcapng",
    ),
    (
        "A practice network with a fault, diagnosed and taken away",
        "netdoctor lab run vxlan --fault fdb-missing",
    ),
)

SEE_ALSO = (
    ("bridge", 8), ("ip", 8), ("iptables", 8), ("nft", 8), ("ping", 8), ("tshark", 1), ("network_namespaces", 7),
)  # fmt: skip
