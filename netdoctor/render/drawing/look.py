"""The look of the drawings: one style sheet for light, dark and paper. What a colour says, a shape says too."""

from __future__ import annotations

_LIGHT = """
.nd text{font:12px ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;fill:#1f2328}
.nd .paper{fill:#fff}
.nd .box{fill:#f6f8fa;stroke:#b6bec8}
.nd .pill{fill:#fff;stroke:#57606a;stroke-width:1.4}
.nd .title{font-weight:700;font-size:14px}
.nd .head{font-weight:700;font-size:13px}
.nd .name{font-weight:700}
.nd .kind,.nd .faint{fill:#656d76}
.nd .kind{font-size:10px}
.nd .spot{font-size:10.5px}
.nd .arrived{fill:#116329}
.nd .end{fill:#a40e26;font-weight:700}
.nd .line{fill:none;stroke-width:2.4}
.nd .request{stroke:#0550ae}
.nd .reply{stroke:#8250df;stroke-dasharray:8 4}
.nd .broken{stroke:#cf222e;stroke-width:3}
.nd .copy{stroke:#8c959f;stroke-width:1.3;stroke-dasharray:1.5 3;stroke-linecap:round}
.nd .cable{stroke:#8c959f;stroke-width:1.3}
.nd .unused{stroke:#8c959f;stroke-width:1.3;stroke-dasharray:12 3 2 3}
.nd .tunnel{stroke:#8250df;stroke-width:1.3;stroke-dasharray:8 4}
.nd .tip-request{fill:#0550ae}
.nd .tip-reply{fill:#fff;stroke:#8250df;stroke-width:1.6}
.nd .tip-broken{fill:#cf222e}
.nd .tip-copy{fill:#8c959f}
.nd .ended{fill:#ffebe9;stroke:#cf222e;stroke-width:3}
.nd .unreached{stroke:#8c959f;stroke-dasharray:4 3}
.nd .visited{stroke:#8c959f}
.nd .cross{stroke:#cf222e;stroke-width:3;fill:none}
"""

_DARK = """
.nd text{fill:#e6edf3}
.nd .paper{fill:#0d1117}
.nd .box{fill:#161b22;stroke:#3d444d}
.nd .pill{fill:#0d1117;stroke:#9198a1}
.nd .kind,.nd .faint{fill:#9198a1}
.nd .arrived{fill:#3fb950}
.nd .end{fill:#ff7b72}
.nd .request{stroke:#58a6ff}
.nd .reply,.nd .tunnel{stroke:#bc8cff}
.nd .broken,.nd .cross{stroke:#f85149}
.nd .tip-request{fill:#58a6ff}
.nd .tip-reply{fill:#0d1117;stroke:#bc8cff}
.nd .tip-broken{fill:#f85149}
.nd .ended{fill:#3c1618;stroke:#f85149}
.nd .unreached,.nd .visited{stroke:#656d76}
"""

#: The style sheet of a drawing. Dark where the reader's screen is, never on paper.
SHEET = f"{_LIGHT.strip()}\n@media screen and (prefers-color-scheme:dark){{\n{_DARK.strip()}\n}}"
