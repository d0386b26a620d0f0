"""The one error that a user can mend."""


class BadInput(Exception):
    """An input cannot be used: says which file, which keyword and what to do."""

    def __init__(
        self, problem: str, *, file: str = "", keyword: str = "", remedy: str
    ) -> None:
        self.problem, self.file, self.keyword, self.remedy = problem, file, keyword, remedy
        where = ", ".join(part for part in (file, keyword) if part)
        super().__init__(f"{where + ': ' if where else ''}{problem}. Remedy: {remedy}")
