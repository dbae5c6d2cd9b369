"""One namespace during a trace: what is put in place there, and its events as they come.

Everything goes over one socket: the table that the socket owns, its events, and those of legacy tables by NFLOG. So the
events keep their order, and closing the socket takes everything away but the logger, which is put back.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress

from msgspec.structs import replace

from netdoctor.collect.access import Access
from netdoctor.collect.firewall.tools import ToolError
from netdoctor.collect.netlink import NETLINK_NETFILTER, SOL_NETLINK, Conversation
from netdoctor.facts.traced import OWN_COMMENT, OWN_TABLE, Leg, TraceEvent
from netdoctor.probe.trace import legacy, nflog, nftables
from netdoctor.probe.trace.claim import Claim, Note
from netdoctor.probe.trace.decode import Decoder
from netdoctor.tracing import headers
from netdoctor.tracing.plan import Watch
from netdoctor.tracing.signature import Alternative, Signature

_ADD_MEMBERSHIP, _GROUP_NFTRACE = 1, 9
_RCVBUFFORCE, _NETNS_COOKIE = 33, 71
_BUFFER = 8 << 20
#: What says that this kernel knows no nf_tables, or not this part of it.
_UNKNOWN = (errno.EOPNOTSUPP, errno.EPROTONOSUPPORT, errno.ENOENT, errno.EINVAL, errno.EAFNOSUPPORT)


class Listener:
    """Asks one namespace for the trace of a probe. Raises OSError and ToolError where it cannot be had at all."""

    def __init__(
        self, access: Access, watch: Watch, signature: Signature, ident: str, decoder: Decoder
    ) -> None:
        self.watch = watch
        #: The backends whose rules it hears of.
        self.hears: set[str] = set()
        #: What was put in place, as a person would say it; and what could not be had.
        self.added: list[str] = []
        self.lacking: list[str] = []
        self.lost = False
        self._access = access
        self._signature = signature
        self._ident = ident
        self._decoder = decoder
        #: What our own rules mark, by family, chain and handle; and the packets that they have marked, by their ids.
        self._legs: dict[tuple[str, str, int | None], Leg] = {}
        self._marked: dict[bytes, Leg | None] = {}
        self._claim: Claim | None = None
        self._logger: str | None = None
        self._table: tuple[int, ...] = ()
        #: How many TRACE rules stand first in each chain of `raw`.
        self._rules = 0
        self._socket = access.run(_socket)

    def open(self, rule: bool) -> None:
        """Put in place what is needed; with `rule`, a TRACE rule rather than a table of nf_tables."""
        try:
            if rule or not self._by_table():
                self._by_rule()
            if self.watch.legacy:
                self._hear_legacy()
            else:
                self.hears.add("legacy")  # of which there are none
            with suppress(OSError):  # no nf_tables, so none of its events
                self._socket.setsockopt(SOL_NETLINK, _ADD_MEMBERSHIP, _GROUP_NFTRACE)
            self._socket.setblocking(False)
        except BaseException:
            self.close()
            raise

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._socket.fileno()

    def events(self) -> Iterator[TraceEvent]:
        """Yield what has come in of the probe and its answer, without waiting."""
        while True:
            try:
                datagram = self._socket.recv(1 << 18)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.lost = True
                continue
            for ident, event in self._decoder.events(datagram):
                if (ours := self._ours(ident, event)) is not None:
                    yield ours

    def close(self) -> None:
        """Take everything away again. What cannot be undone stays noted for the next start."""
        undone = True
        try:
            if self._rules:
                legacy.remove(self._access)
            if self._logger is not None:
                legacy.set_logger(self._access, self._logger)
            for family in self._table:
                nftables.remove(self._socket, family, OWN_TABLE + self._ident)
        except (OSError, ToolError):
            undone = False
        self._socket.close()
        if self._claim is not None:
            (self._claim.release if undone else self._claim.leave)()
        self._claim, self._logger, self._rules, self._table = None, None, 0, ()

    def _ours(self, ident: bytes, event: TraceEvent) -> TraceEvent | None:
        """The event, if it is of the probe: that shows its marks, or a rule of ours has just marked that packet."""
        if event.table == OWN_TABLE + self._ident and event.handle is not None:
            self._marked[ident] = self._legs.get((event.family, event.chain, event.handle))
        packet = event.packet
        if packet is None or event.table.startswith(OWN_TABLE):
            return None
        found = self._signature.leg(packet)
        if found is None and packet.vni is not None and (within := headers.inner(packet.payload)) is not None:
            found = self._signature.leg(within)
        leg = found[0] if found is not None else None
        if leg is None and packet.vni is not None:
            leg = self._marked.get(ident)  # nf_tables shows too little of it
        seen = self._before_us(event) if leg is not None else None
        return replace(seen, leg=leg) if seen is not None else None

    def _before_us(self, event: TraceEvent) -> TraceEvent | None:
        """The event as it would be without TRACE rules of ours first in `raw`; None for what is ours alone."""
        if event.backend != "legacy" or event.table != "raw" or not self._rules:
            return event
        if event.chain not in legacy.CHAINS:
            return event
        number = (event.number or 0) - self._rules
        return replace(event, number=number) if number > 0 and "raw" in self.watch.legacy else None

    def _by_table(self) -> bool:
        """Make the table; False where this kernel has no nf_tables."""
        ways = self._signature.alternatives()
        ways = (*ways, *(way.inside() for way in ways))
        table = OWN_TABLE + self._ident
        try:
            nftables.make(self._socket, table, self.watch.chains, ways, owner=True)
        except OSError as error:
            if error.errno not in _UNKNOWN:
                raise
            return self._without_owner(ways)
        self._legs = self._own_rules(table, ways)
        self.hears.add("nft")
        self.added.append(f"the nftables table {table}, which the kernel removes with this process")
        return True

    def _without_owner(self, ways: tuple[Alternative, ...]) -> bool:
        """The same on a kernel that has nf_tables, and no owners of tables (before 5.12)."""
        self._socket.close()
        self._socket = self._access.run(_socket)
        self._claimed()
        try:
            nftables.make(self._socket, OWN_TABLE + self._ident, self.watch.chains, ways, owner=False)
        except OSError as error:
            if error.errno not in _UNKNOWN:
                raise
            return False
        self._legs = self._own_rules(OWN_TABLE + self._ident, ways)
        self.hears.add("nft")
        self._table = tuple({nftables.FAMILIES[chain.family] for chain in self.watch.chains})
        self.added.append(f"the nftables table {OWN_TABLE}{self._ident}")
        return True

    def _own_rules(self, table: str, ways: Sequence[Alternative]) -> dict[tuple[str, str, int | None], Leg]:
        conversation = self._access.run(lambda: Conversation(NETLINK_NETFILTER))
        found: dict[tuple[str, str, int | None], Leg] = {}
        try:
            for chain in self.watch.chains:
                handles = nftables.handles(conversation, chain.family, table, chain.name)
                for handle, way in zip(handles, ways, strict=False):
                    found[chain.family, chain.name, handle] = way.leg
        finally:
            conversation.close()
        return found

    def _by_rule(self) -> None:
        self._claimed()
        ways = self._signature.alternatives()
        ways = (*ways, *(way.inside() for way in ways))
        self._rules = len(ways)
        legacy.add(self._access, self._ident, ways)
        chains = " and ".join(legacy.CHAINS)
        self.added.append(f"TRACE rules with the comment {OWN_COMMENT}{self._ident} in raw {chains}")

    def _hear_legacy(self) -> None:
        """Have the events of legacy tables sent here."""
        claim = self._claimed()
        try:
            nflog.bind(self._socket)
        except OSError as error:
            if error.errno not in (errno.EBUSY, errno.EPERM):  # nfulnl_recv_config(): the group has another owner
                raise
            self.lacking.append("another program listens to NFLOG group 0")
            return
        self.hears.add("legacy")
        before = legacy.logger(self._access)
        if before != legacy.OURS:
            claim.write(Note(self.watch.inode, self._access.run(cookie), before))
            self._logger = before
            legacy.set_logger(self._access, legacy.OURS)
            self.added.append(f"nf_log/2 = {legacy.OURS} (was {before})")

    def _claimed(self) -> Claim:
        if self._claim is None:
            self._claim = Claim(self.watch.inode)
            tidy(self._access, self._claim)
            self._claim.write(Note(self.watch.inode, self._access.run(cookie)))
        return self._claim


def additions(watch: Watch, rule: bool, logger: str | None) -> list[str]:
    """Say what a trace would put in place in one namespace, and how it goes away; `logger` is the one there is now."""
    table = f"an nftables table {OWN_TABLE}PID-…, which the kernel removes with this process"
    chains = " and ".join(legacy.CHAINS)
    lines = [f"TRACE rules in raw {chains}, removed again" if rule else table]
    if watch.legacy and logger is not None and logger != legacy.OURS:
        lines.append(f"nf_log/2 = {legacy.OURS}, then {logger} again")
    return lines


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
    made.bind((0, 0))
    with suppress(OSError):
        made.setsockopt(socket.SOL_SOCKET, _RCVBUFFORCE, _BUFFER)
    return made


def cookie() -> int | None:
    """Return the number of the network namespace that the thread is in; None before Linux 5.14 (SO_NETNS_COOKIE)."""
    with socket.socket(socket.AF_UNIX) as any_socket:
        try:
            return int.from_bytes(any_socket.getsockopt(socket.SOL_SOCKET, _NETNS_COOKIE, 8), "little")
        except OSError:
            return None


def tidy(access: Access, claim: Claim) -> list[str]:
    """Undo what a trace that was killed has left in a claimed namespace, and say what. Raises OSError, ToolError."""
    done = []
    left = claim.left
    if (count := legacy.remove(access)) > 0:
        done.append(f"{count} TRACE rules")
    done += [f"the nftables table {name}" for name in _remove_tables(access)]
    if left is None or left.logger is None or left.cookie != access.run(cookie):
        return done
    if legacy.logger(access) == legacy.OURS:
        legacy.set_logger(access, left.logger)
        done.append(f"nf_log/2, which is {left.logger} again")
    return done


def _remove_tables(access: Access) -> Iterator[str]:
    """Remove the tables of traces that are over. Those of traces that go on have an owner, and stay (EPERM)."""
    try:
        conversation = access.run(lambda: Conversation(NETLINK_NETFILTER))
    except OSError:
        return
    try:
        found = [one for one in nftables.tables(conversation) if one[1].startswith(OWN_TABLE)]
    except OSError:
        found = []
    finally:
        conversation.close()
    for family, name in found:
        sock = access.run(_socket)
        try:
            nftables.remove(sock, family, name)
        except OSError:
            continue
        finally:
            sock.close()
        yield name
