"""Why a question has no answer: errors that name the parameter."""

from __future__ import annotations

from collections.abc import Iterable

#: The most labels that an error names, and the most characters of each.
_MOST_NAMED, _LONGEST = 8, 60


class QuestionError(ValueError):
    """A parameter of a question has a value that is none; ``parameter`` names it."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


class InvalidCursorError(QuestionError):
    """A cursor that never came from an answer to this question."""

    def __init__(self, reason: str) -> None:
        super().__init__("cursor", f"{reason}.")


class UnknownLabelError(QuestionError):
    """No stage, pipeline, owner, property or option has this name.

    Args:
        parameter: that of the question.
        wanted: the unknown name.
        existing: some that exist.
        noun: what is unknown; the parameter unless given.
    """

    def __init__(self, parameter: str, wanted: str, existing: Iterable[str], noun: str | None = None) -> None:
        named = list(dict.fromkeys(shown for one in existing if (shown := _cut(one))))[:_MOST_NAMED]
        known = f"There are, for example: {', '.join(named)}." if named else "None is known."
        super().__init__(parameter, f"There is no {noun or parameter} {_cut(wanted)!r}. {known}")


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
