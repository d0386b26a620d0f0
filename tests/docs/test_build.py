"""The recipe pages in the repository are those of the declarations."""

from docs.build import pages


def test_pages_are_up_to_date():
    stale = [
        p.name for p, text in pages().items() if not p.exists() or p.read_text() != text
    ]
    assert not stale, "run: make docs"
