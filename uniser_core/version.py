"""What made a row: package version, and the commit when it runs from a checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from uniser_core import __version__


@cache
def generator_name() -> str:
    """`uniser 0.1.0`, or `uniser 0.1.0+abc123def456` in a checkout."""
    commit = _commit(Path(__file__).resolve().parent.parent)
    return f"uniser {__version__}" + (f"+{commit[:12]}" if commit else "")


def _commit(root: Path) -> str:
    # Read by hand: starting git would cost more than the whole start-up.
    git = root / ".git"
    try:
        if git.is_file():
            git = Path(root, git.read_text().split("gitdir:", 1)[1].strip())
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        name = head[5:]
        common = git / (git / "commondir").read_text().strip() if (git / "commondir").is_file() else git
        if (common / name).is_file():
            return (common / name).read_text().strip()
        packed = (common / "packed-refs").read_text().splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {name}")), "")
    except (OSError, IndexError):
        return ""
