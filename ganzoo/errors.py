"""The one exception a user is meant to see: a line that says what is wrong, where, and what to do."""

from __future__ import annotations


class GanzooError(Exception):
    """Bad input or a state the user can mend. The command line prints it as one line and exits with 2."""
