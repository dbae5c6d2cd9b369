"""The frame of an HTML report: its head and its style sheet."""

from __future__ import annotations

from netdoctor.render.markup import escaped

#: Nothing may be loaded, nothing may run; only the styles that the file brings along count.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"

_SHEET = """
:root{color-scheme:light dark;--ink:#1f2328;--faint:#59636e;--paper:#fff;--panel:#f6f8fa;--edge:#d1d9e0;
--good:#116329;--bad:#a40e26;--open:#7d4e00}
@media screen and (prefers-color-scheme:dark){:root{--ink:#e6edf3;--faint:#9198a1;--paper:#0d1117;--panel:#161b22;
--edge:#3d444d;--good:#3fb950;--bad:#ff7b72;--open:#d29922}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:0 auto;padding:1.5rem;
max-width:60rem}
h1{font-size:1.5rem;margin:.2rem 0;overflow-wrap:anywhere}
h2{font-size:1.15rem;border-bottom:1px solid var(--edge);padding-bottom:.2rem;margin-top:2rem}
h3{font-size:1rem;margin:.2rem 0;overflow-wrap:anywhere}
header{border-left:.4rem solid;padding:.2rem 1rem;overflow-wrap:anywhere}
.verdict{font-weight:700;margin:0;letter-spacing:.04em}
.reachable{border-color:var(--good)}.reachable .verdict{color:var(--good)}
.unreachable{border-color:var(--bad)}.unreachable .verdict{color:var(--bad)}
.unknown{border-color:var(--open)}.unknown .verdict{color:var(--open)}
pre{background:var(--panel);border:1px solid var(--edge);border-radius:6px;padding:.6rem .8rem;white-space:pre-wrap;
overflow-wrap:anywhere;font:13px/1.45 ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace}
article{border:1px solid var(--edge);border-radius:8px;padding:.8rem 1rem;margin:.8rem 0}
article.cause{border-left:.4rem solid var(--bad)}article.hazard{border-left:.4rem solid var(--open)}
.code{font-family:ui-monospace,"DejaVu Sans Mono",monospace;border:1px solid;border-radius:4px;padding:0 .35em}
.place,.proof,.next,footer{color:var(--faint)}.place{margin:.1rem 0 .6rem;overflow-wrap:anywhere}
.fix{border-top:1px dashed var(--edge);margin-top:.8rem}
.question th{text-align:left;padding-right:1rem;color:var(--faint);font-weight:600}
.question td{padding-right:1.2rem;font-family:ui-monospace,"DejaVu Sans Mono",monospace;font-size:.85rem;
overflow-wrap:anywhere}
.path svg{max-width:100%;height:auto}
.steps{font-size:12px}
@media print{body{max-width:none;padding:0;font-size:11pt}article,header{break-inside:avoid}h2{break-after:avoid}
pre{break-inside:auto}}
""".strip()


def page(title: str, body: str) -> str:
    """Return a whole document; `body` is markup, `title` is text."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escaped(title)}</title>\n<style>\n{_SHEET}\n</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )
