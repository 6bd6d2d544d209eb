"""The error that becomes an RFC 9457 answer."""

from collections.abc import Mapping, Sequence

from starlette.exceptions import HTTPException


class Problem(HTTPException):
    """Raised anywhere below a route. `code` is what clients act on; each of `errors` has pointer, code, detail."""

    def __init__(  # noqa: PLR0913, PLR0917 - the fields of the answer
        self,
        status: int,
        code: str,
        title: str,
        detail: str,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, headers)
        self.code, self.title, self.errors = code, title, errors
