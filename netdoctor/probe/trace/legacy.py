"""What legacy tables need to tell of a packet: the logger, and where nf_tables is missing, a TRACE rule in `raw`.

The rule goes in and out by iptables-legacy-restore without flushing: one exchange of the table under the xtables lock,
which leaves every other rule and its counters as they are. It names itself in its comment. What cannot be helped: the
kernel sets the policies' counters of `raw` to zero, and the table stays loaded where it was not before.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from netdoctor.collect.access import Access
from netdoctor.collect.firewall.tools import PATH, ToolError, run
from netdoctor.facts.traced import OWN_COMMENT
from netdoctor.tracing.signature import Alternative, Bytes

LOGGER = Path("/proc/sys/net/netfilter/nf_log/2")
#: Its way to say that there is none.
NONE = "NONE"
OURS = "nfnetlink_log"
CHAINS = ("PREROUTING", "OUTPUT")

_RESTORE = ("iptables-legacy-restore", "iptables-restore")
_TAGGED = re.compile(rf'^-A (\S+) (.*--comment "?{OWN_COMMENT}\S+"? .*-j TRACE)$', re.MULTILINE)
_TIMEOUT = 30


def logger(access: Access) -> str:
    """Return the name of the logger of IPv4 in a namespace. Raises OSError."""
    return access.run(lambda: LOGGER.read_text(encoding="ascii").strip())


def set_logger(access: Access, name: str) -> None:
    """Set the logger of IPv4 in a namespace. Raises OSError."""
    access.run(lambda: LOGGER.write_text(name, encoding="ascii"))


def add(access: Access, ident: str, ways: Sequence[Alternative]) -> None:
    """Put the TRACE rules of a probe first in `raw`. Raises ToolError; OSError where the namespace is gone."""
    lines = [f"-I {chain} 1 {_conditions(way, ident)} -j TRACE" for chain in CHAINS for way in ways]
    _restore(access, lines)


def remove(access: Access) -> int:
    """Take all rules out that bear the tag, and say how many. Raises as `add`."""
    rules = _tagged(access)
    if rules:
        _restore(access, [f"-D {chain} {rest}" for chain, rest in rules])
    return len(rules)


def _tagged(access: Access) -> list[tuple[str, str]]:
    names = Path("/proc/thread-self/net/ip_tables_names")
    try:
        loaded = access.run(lambda: names.read_text(encoding="ascii").split())
    except FileNotFoundError:
        return []
    if "raw" not in loaded:
        return []
    return _TAGGED.findall(
        run(access, "iptables-legacy-save" if _installed(_RESTORE[0]) else "iptables-save")
    )


def _restore(access: Access, lines: Sequence[str]) -> None:
    tool = next((name for name in _RESTORE if _installed(name)), None)
    if tool is None:
        raise ToolError("iptables-legacy-restore is not installed", "install iptables")
    command = (str(shutil.which(tool, path=PATH)), "--noflush", "--wait", "5")
    text = "\n".join(["*raw", *lines, "COMMIT", ""])
    try:
        done = access.run(
            lambda: subprocess.run(
                command,
                input=text.encode(),
                capture_output=True,
                timeout=_TIMEOUT,
                check=False,
                env={"PATH": PATH, "LC_ALL": "C"},
                start_new_session=True,  # the terminal's Ctrl-C is for us: a rule is put in whole, and taken out
            )
        )
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{tool} does not come to an end", "see what holds it up") from error
    if done.returncode:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[:200]
        raise ToolError(f"{tool} failed: {said}", "see whether xt_TRACE, xt_u32 and xt_comment can be loaded")


def _installed(tool: str) -> bool:
    return shutil.which(tool, path=PATH) is not None


def _conditions(way: Alternative, ident: str) -> str:
    words = [f"-p {way.proto}"]
    words += [f"{option} {address}/32" for option, address in (("-s", way.src), ("-d", way.dst)) if address]
    tests = "&&".join(test for part in way.bytes for test in _u32(part))
    return " ".join([*words, f'-m u32 --u32 "{tests}"', f'-m comment --comment "{OWN_COMMENT}{ident}"'])


def _u32(part: Bytes) -> list[str]:
    """The test in the words of the u32 match: four bytes at an offset behind the IP header, shifted into place."""
    start = "0>>22&0x3C@"
    if part.any_of:
        return [f"{start}{part.offset - 3}&0x{part.any_of:x}=0x1:0x{part.any_of:x}"]
    tests = []
    for at in range(0, len(part.value), 4):
        chunk = part.value[at : at + 4]
        shift, value = 8 * (4 - len(chunk)), int.from_bytes(chunk, "big")
        shifted = f">>{shift}" if shift else ""
        tests.append(f"{start}{part.offset + at}{shifted}=0x{value:x}")
    return tests
