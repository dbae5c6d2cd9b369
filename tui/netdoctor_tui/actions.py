"""The vocabulary: every action once, with its keys and its words. Bindings, footer, help, palette and docs share it."""

from __future__ import annotations

from typing import NamedTuple


class Action(NamedTuple):
    """Something a key does. `name` is Textual's action, `label` the footer's word, `told` the help's sentence.

    `rank` says how early the footer shows it: 0 is not at all.
    """

    name: str
    keys: tuple[str, ...]
    label: str
    told: str
    rank: int = 0


#: What works wherever lines are listed.
LIST = (
    Action("up", ("up", "k"), "up", "the line above"),
    Action("down", ("down", "j"), "down", "the line below"),
    Action("page_up", ("pageup", "ctrl+b"), "page up", "a page up"),
    Action("page_down", ("pagedown", "ctrl+f", "space"), "page down", "a page down"),
    Action("first", ("home", "g"), "first", "the first line"),
    Action("last", ("end", "G"), "last", "the last line"),
    Action(
        "scroll_sideways(-8)", ("less_than_sign", "shift+left"), "scroll left", "long lines back to the left"
    ),
    Action("scroll_sideways(8)", ("greater_than_sign", "shift+right"), "scroll right", "more of long lines"),
    Action("left", ("left", "h"), "left", "to the left: the path, a branch closed"),
    Action("right", ("right", "l"), "right", "to the right: the details, a branch opened"),
    Action("choose", ("enter",), "open", "open what the line stands for", 2),
)

#: What works while a path is shown.
PATH = (
    Action("tab('why')", ("1",), "why", "causes in order: what it is, how to see it, the fix"),
    Action("tab('step')", ("2",), "step", "what happened at the selected device, predicted and observed"),
    Action("tab('rules')", ("3",), "rules", "the rules that the packet met; enter opens the chain"),
    Action("tab('facts')", ("4",), "facts", "routes, neighbours, FDB, sysctls of what is selected"),
    Action("tab('explain')", ("5", "e"), "explain", "the page of the check that found it"),
    Action("other_pane", ("tab", "shift+tab"), "pane", "the other pane", 0),
    Action("zoom", ("z",), "zoom", "give the details the whole width, or take it back", 0),
    Action("copy", ("y",), "copy", "copy the command or line to the terminal's clipboard (OSC 52)", 3),
    Action("again", ("r",), "again", "ask again", 5),
    Action("send", ("x",), "send", "send real packets and watch how far they come", 6),
    Action(
        "trace", ("t",), "trace", "have the kernel tell the rules that a packet meets; asks before it changes anything"
    ),
    Action("freeze", ("f",), "freeze", "keep this answer on the screen while new ones come", 9),
    Action("earlier", ("left_square_bracket",), "earlier", "the answer before", 0),
    Action("later", ("right_square_bracket",), "later", "the answer after", 0),
    Action("save", ("s",), "save", "save the report as JSON, with other names and addresses in it", 7),
    Action("save_plain", ("S",), "save plain", "save the report with its real names and addresses", 0),
    Action("privacy", ("p",), "privacy", "show other names and addresses in the place of the real ones", 10),
    Action("hosts", ("b",), "hosts", "hosts and namespaces: pick another question", 8),
    Action("leave_finding", ("Q",), "quit+print", "quit, and leave the finding in the scrollback", 0),
)

#: What works on every screen.
EVERYWHERE = (
    Action("help", ("question_mark", "f1"), "help", "what the keys do here", 1),
    Action(
        "filter", ("slash",), "filter", "show only lines with this text; with ! before it, those without", 4
    ),
    Action("question", ("colon",), "question", "type a question: SRC DST, and tcp:PORT or udp:PORT", 8),
    Action("back", ("escape",), "back", "take away the filter, then one step back", 0),
    Action("command_palette", ("ctrl+p",), "commands", "every command, by its name", 11),
    Action("quit", ("q", "ctrl+c"), "quit", "quit", 12),
)

#: How keys are written for people.
WRITTEN = {
    "question_mark": "?",
    "slash": "/",
    "colon": ":",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "escape": "esc",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "pageup": "pgup",
    "pagedown": "pgdn",
}


def written(key: str) -> str:
    """Return a key as a person writes it."""
    return WRITTEN.get(key, key)


def table() -> str:
    """Return the keys as a Markdown table, for the README."""
    lines = ["| key | what it does |", "| --- | --- |"]
    for one in (*LIST, *PATH, *EVERYWHERE):
        keys = " ".join(f"`{written(key)}`" for key in one.keys)
        lines.append(f"| {keys} | {one.told} |")
    return "\n".join(lines)
