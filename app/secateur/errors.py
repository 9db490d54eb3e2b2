"""The one exception for what a person can mend; anything else that is raised is a bug."""


class UserError(Exception):
    """Something is wrong with the request or with what it names.

    `sentence` says what happened and to which thing; `hint` says the way out. Both are whole sentences
    without a traceback; the window shows them in place, the command line prints them and exits with 2.
    """

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__(f"{sentence} {hint}".strip())
        self.sentence = sentence
        self.hint = hint

    def __reduce__(self) -> tuple[type["UserError"], tuple[str, str]]:
        return type(self), (self.sentence, self.hint)


class JobError(UserError):
    """The request was right, but the job did not succeed: a file that does not agree, a loss that is no number.

    The command line exits with 1 instead of 2.
    """


class Cancelled(Exception):  # noqa: N818 - not an error: the person asked for it
    """Raised at a cancel point after the person pressed Stop."""
