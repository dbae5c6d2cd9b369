"""Native nftables rules as nft prints them, made from its JSON."""

from __future__ import annotations

from collections.abc import Callable

from netdoctor.kernel.netfilter.nft_values import Json

Writer = Callable[[Json], str]

_BARE_META = ("iif", "iifname", "oif", "oifname", "iifgroup", "oifgroup")


#: What `reject` alone means in a table of one version.
_PLAIN_REJECT = {
    "ip": {"type": "icmp", "expr": "port-unreachable"},
    "ip6": {"type": "icmpv6", "expr": "port-unreachable"},
}


def rule_text(expressions: list[Json], comment: str | None = None, family: str = "") -> str:
    """Return a whole rule of a table of that family."""
    plain = {"reject": _PLAIN_REJECT.get(family)}
    parts = ["reject" if expression == plain else statement_text(expression) for expression in expressions]
    if comment is not None:
        parts.append(f'comment "{comment}"')
    return " ".join(parts)


def statement_text(expression: Json) -> str:
    """Return one statement of a rule; what is not known as it stands in the JSON."""
    if not isinstance(expression, dict) or len(expression) != 1:
        return str(expression)
    [(kind, body)] = expression.items()
    writer = _STATEMENTS.get(kind)
    try:
        if writer is not None:
            return writer(body)
        return kind if body is None else f"{kind} {expression_text(body)}"
    except (LookupError, TypeError, ValueError, AttributeError):
        return f"{kind} {body}"


def expression_text(value: Json) -> str:
    """Return an expression or a value."""
    if isinstance(value, bool):
        return "exists" if value else "missing"
    if isinstance(value, list):
        return ",".join(expression_text(part) for part in value)
    if not isinstance(value, dict):
        return str(value)
    if len(value) != 1:
        return " ".join(f"{name} {expression_text(part)}" for name, part in value.items())
    [(kind, body)] = value.items()
    writer = _EXPRESSIONS.get(kind)
    if writer is not None:
        return writer(body)
    if kind in ("&", "|", "^", "<<", ">>"):
        marks = "mark" in expression_text(body[0])
        return f" {kind} ".join(_hexadecimal(part) if marks else expression_text(part) for part in body)
    return statement_text(value) if kind in _STATEMENTS or body is None else f"{kind} {expression_text(body)}"


def _match(body: Json) -> str:
    left, op, right = body["left"], body["op"], body["right"]
    if isinstance(left, dict) and "&" in left and op in ("==", "!="):
        expression, mask = left["&"]
        if _is(expression, "payload", "flags") or isinstance(mask, list):
            sign = "!= " if op == "!=" else ""
            return f"{expression_text(expression)} {sign}{_value(right)} / {_value(mask)}"
        sign = f"{expression_text(expression)} & {_number(mask, expression)}"
        return f"{sign} {op} {_number(right, expression)}"
    sign = "" if op in ("==", "in") else f"{op} "
    return f"{expression_text(left)} {sign}{_right(right, left)}"


def _is(expression: Json, kind: str, name: str) -> bool:
    if not isinstance(expression, dict) or kind not in expression:
        return False
    return name in (expression[kind].get("field"), expression[kind].get("key"))


def _hexadecimal(value: Json) -> str:
    return f"0x{value:08x}" if isinstance(value, int) else expression_text(value)


def _number(value: Json, left: Json) -> str:
    if _is(left, "ct", "expiration") and isinstance(value, int):
        return _duration(value)
    if isinstance(left, dict) and "base" in left.get("payload", {}) and isinstance(value, int):
        return hex(value)
    return _hexadecimal(value) if _is(left, "meta", "mark") or _is(left, "ct", "mark") else _value(value)


def _right(right: Json, left: Json) -> str:
    """Return the right side: names of devices stand in quotes, marks in hexadecimal."""
    quoted = isinstance(left, dict) and left.get("meta", {}).get("key", "") in (
        "iif",
        "iifname",
        "oif",
        "oifname",
        "ibrname",
        "obrname",
        "time",
        "hour",
        "day",
    )
    quoted |= _is(left, "ct", "helper") or (
        isinstance(left, dict) and left.get("fib", {}).get("result") == "oifname"
    )
    if isinstance(right, dict) and "set" in right:
        inner = right["set"] if isinstance(right["set"], list) else [right["set"]]
        return "{ " + ", ".join(_right(part, left) for part in inner) + " }"
    if isinstance(left, dict) and "concat" in left and isinstance(right, dict) and "concat" in right:
        pairs = zip(right["concat"], left["concat"], strict=True)
        return " . ".join(_right(part, side) for part, side in pairs)
    if isinstance(right, dict) and "range" in right and quoted:
        return "-".join(_right(end, left) for end in right["range"])
    if isinstance(right, str) and quoted and not right.startswith("@"):
        return f'"{right}"'
    return _number(right, left)


def _value(value: Json) -> str:
    return expression_text(value)


def _payload(body: Json) -> str:
    if "base" in body:
        return f"@{body['base']},{body['offset']},{body['len']}"
    return f"{body['protocol']} {body['field']}"


def _meta(body: Json) -> str:
    return body["key"] if body["key"] in _BARE_META else f"meta {body['key']}"


def _ct(body: Json) -> str:
    return f"ct {body['dir']} {body['key']}" if "dir" in body else f"ct {body['key']}"


def _fib(body: Json) -> str:
    flags = body["flags"]
    flags = [flags] if isinstance(flags, str) else flags
    return f"fib {' . '.join(flags)} {body['result']}"


def _elem(body: Json) -> str:
    text = expression_text(body["val"])
    if "timeout" in body:
        text += f" timeout {_duration(body['timeout'])}"
    return text + (f' comment "{body["comment"]}"' if "comment" in body else "")


def _duration(seconds: int) -> str:
    units = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
    words = []
    for unit, size in units:
        count, seconds = divmod(seconds, size)
        words += [f"{count}{unit}"] if count else []
    return "".join(words) or "0s"


def _numgen(body: Json) -> str:
    offset = f" offset {body['offset']}" if body.get("offset") else ""
    return f"numgen {body['mode']} mod {body['mod']}{offset}"


def _map(body: Json, word: str = "map") -> str:
    data = body["data"]
    if isinstance(data, dict) and "set" in data:
        pairs = (f"{_right(key, body['key'])} : {expression_text(outcome)}" for key, outcome in data["set"])
        data = "{ " + ", ".join(pairs) + " }"
    return f"{expression_text(body['key'])} {word} {data}"


def _counter(body: Json) -> str:
    if isinstance(body, str):
        return f'counter name "{body}"'
    return "counter"  # as `nft -s` prints it: what has been counted is not part of the rule


def _limit(body: Json) -> str:
    if isinstance(body, str):
        return f'limit name "{body}"'
    unit = f" {body['rate_unit']}" if body.get("rate_unit", "packets") != "packets" else ""
    over = "over " if body.get("inv") else ""
    burst = (
        f" burst {body['burst']} {body.get('burst_unit', 'packets')}"
        if body.get("burst", 5) not in (0, 5)
        else ""
    )
    return f"limit rate {over}{body['rate']}{unit}/{body.get('per', 'second')}{burst}"


def _quota(body: Json) -> str:
    if isinstance(body, str):
        return f'quota name "{body}"'
    return f"quota {'over ' if body.get('inv') else ''}{body['val']} {body['val_unit']}"


def _meter(body: Json) -> str:
    size = f" size {body['size']}" if "size" in body else ""
    return f"meter {body['name']}{size} {{ {expression_text(body['key'])} {statement_text(body['stmt'])} }}"


def _log(body: Json) -> str:
    words = ["log"]
    for name, value in (body or {}).items():
        words.append(f'{name} "{value}"' if name == "prefix" else f"{name} {expression_text(value)}")
    return " ".join(words)


def _reject(body: Json) -> str:
    if not body or (body.get("type") == "icmpx" and body.get("expr") == "port-unreachable"):
        return "reject"
    return f"reject with {body['type']}" + (f" {body['expr']}" if "expr" in body else "")


def _queue(body: Json) -> str:
    if not body:
        return "queue"
    flags = body.get("flags", ())
    flags = [flags] if isinstance(flags, str) else flags
    words = ["queue", *(("flags", ",".join(flags)) if flags else ())]
    return " ".join((*words, "to", expression_text(body["num"]))) if "num" in body else " ".join(words)


def _mangle(body: Json) -> str:
    return f"{expression_text(body['key'])} set {_number(body['value'], body['key'])}"


def _update(body: Json) -> str:
    inner = " ".join(
        (expression_text(body["elem"]), *(statement_text(part) for part in body.get("stmt", ())))
    )
    return f"{body['op']} {body['set']} {{ {inner} }}"


def _count(body: Json) -> str:
    return f"ct count {'over ' if body.get('inv') else ''}{body['val']}"


def _nat(word: str) -> Writer:
    def write(body: Json) -> str:
        body = body or {}
        words = [word, *((body["family"],) if "family" in body else ())]
        words += ["prefix"] if body.get("type_flags") == "prefix" else []
        address, port = body.get("addr"), body.get("port")
        if address is not None or port is not None:
            to = expression_text(address) if address is not None else ""
            to = f"[{to}]" if ":" in to and " " not in to and port is not None else to
            words += ["to", to + (f":{expression_text(port)}" if port is not None else "")]
        flags = body.get("flags", [])
        flags = [flags] if isinstance(flags, str) else flags
        shown = [flag for flag in flags if flag != "netmap"]
        return " ".join(words + ([",".join(shown)] if shown else []))

    return write


_EXPRESSIONS: dict[str, Writer] = {
    "payload": _payload,
    "meta": _meta,
    "ct": _ct,
    "fib": _fib,
    "elem": _elem,
    "numgen": _numgen,
    "map": _map,
    "prefix": lambda body: f"{expression_text(body['addr'])}/{body['len']}",
    "range": lambda body: "-".join(expression_text(end) for end in body),
    "concat": lambda body: " . ".join(expression_text(part) for part in body),
    "set": lambda body: (
        "{ " + ", ".join(map(expression_text, body if isinstance(body, list) else [body])) + " }"
    ),
    "jhash": lambda body: f"jhash {expression_text(body['expr'])} mod {body['mod']}",
    "symhash": lambda body: f"symhash mod {body['mod']}",
    "rt": lambda body: " ".join(("rt", *((body["family"],) if "family" in body else ()), body["key"])),
    "exthdr": lambda body: " ".join(("exthdr", *map(str, body.values()))),
    "tcp option": lambda body: " ".join(("tcp option", *map(str, body.values()))),
    "ip option": lambda body: " ".join(("ip option", *map(str, body.values()))),
    "socket": lambda body: f"socket {body['key']}",
    "ipsec": lambda body: f"ipsec {body['dir']} {body['key']}",
}
_STATEMENTS: dict[str, Writer] = {
    "match": _match,
    "jump": lambda body: f"jump {body['target']}",
    "goto": lambda body: f"goto {body['target']}",
    "counter": _counter,
    "limit": _limit,
    "log": _log,
    "quota": _quota,
    "meter": _meter,
    "reject": _reject,
    "queue": _queue,
    "mangle": _mangle,
    "set": _update,
    "ct count": _count,
    "vmap": lambda body: _map(body, "vmap"),
    "dnat": _nat("dnat"),
    "snat": _nat("snat"),
    "masquerade": _nat("masquerade"),
    "redirect": _nat("redirect"),
    "xt": lambda body: f"xt {body.get('type')} {body.get('name')}",
}
