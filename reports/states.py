"""States and verdicts of the catalogue as coloured words."""

from reports.contexts import Chip, Tone

TONES: dict[str, Tone] = {
    "done": "good",
    "released": "good",
    "auto": "good",
    "ok": "good",
    "certified": "good",
    "complete": "good",
    "pass": "good",
    "green": "good",
    "failed": "bad",
    "refused": "bad",
    "rejected": "bad",
    "quarantined": "bad",
    "red": "bad",
    "incomplete": "warn",
    "blocked": "warn",
    "running": "warn",
    "superseded": "warn",
    "yellow": "warn",
    "held": "warn",
}
WORDS = {"auto": "AUTO", "ok": "OK", "none": "open"}


def chip(state: str, title: str = "") -> Chip:
    """Return a state as a chip."""
    return Chip(WORDS.get(state, state), TONES.get(state, "fact"), title)
