"""The one exception for what a person can mend; anything else that is raised is a bug."""

from typing import Any

from secateur.model.trust import WantedImport


class UserError(Exception):
    """Something is wrong with the request or with what it names.

    `sentence` says what happened and to which thing; `hint` says the way out. Both are whole sentences
    without a traceback; the window shows them in place, the command line prints them and exits with 2. `details`
    is what another program printed: kept for a closer look, never shown as it is.
    """

    def __init__(self, sentence: str, hint: str = "", details: str = "") -> None:
        super().__init__(f"{sentence} {hint}".strip())
        self.sentence = sentence
        self.hint = hint
        self.details = details

    def __reduce__(self) -> tuple[type["UserError"], tuple[Any, ...]]:
        return type(self), (self.sentence, self.hint, self.details)


class JobError(UserError):
    """The request was right, but the job did not succeed: a file that does not agree, a loss that is no number.

    The command line exits with 1 instead of 2.
    """


class TrustNeeded(UserError):  # noqa: N818 - a question, not a failure
    """A file is a pickle that wants more than weights need: `wants` are the names, and a person is to be asked."""

    def __init__(self, sentence: str, hint: str = "", wants: tuple[WantedImport, ...] = ()) -> None:
        super().__init__(sentence, hint)
        self.wants = wants

    def __reduce__(self) -> tuple[type["UserError"], tuple[Any, ...]]:
        return type(self), (self.sentence, self.hint, self.wants)


class ReplaceNeeded(UserError):  # noqa: N818 - a question, not a failure
    """A file would be written over that a person was not asked about: `existing` are the paths.

    The hint is for the command line; a window asks, and then asks for the same again with consent.
    """

    def __init__(self, sentence: str, hint: str = "", existing: tuple[str, ...] = ()) -> None:
        super().__init__(sentence, hint)
        self.existing = existing

    def __reduce__(self) -> tuple[type["UserError"], tuple[Any, ...]]:
        return type(self), (self.sentence, self.hint, self.existing)


class Cancelled(Exception):  # noqa: N818 - not an error: the person asked for it
    """Raised at a cancel point after the person pressed Stop."""
