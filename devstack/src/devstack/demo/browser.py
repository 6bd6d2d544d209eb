"""A person at a browser without JavaScript: follows links and presses buttons by their words.

The pages promise to work that way, so whoever can be played by this class can use them. It knows no address but the
first one and no form field but those it is told to fill in.
"""

import re
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Self
from urllib.parse import urljoin

import httpx2
from bs4 import BeautifulSoup, Tag

# What may be pressed, in the order in which it is looked for.
_PRESSABLE = ("button", "a", "input[type=submit]")
# A browser follows no more redirects than this either.
_MAX_REDIRECTS = 20
_AT_ONCE = re.compile(r"0\s*;\s*url=(?P<url>.+)", re.IGNORECASE)


class NothingToPress(AssertionError):
    """The page has no such words to press: the sentence holds what it offers instead."""

    def __init__(self, label: str, near: str | None, page: "Page") -> None:
        self.label, self.near, self.page = label, near, page
        place = f" near {near!r}" if near else ""
        offers = ", ".join(repr(words) for words in page.offers()) or "nothing"
        super().__init__(f"{page.url} ({page.status}, {page.heading!r}) has no {label!r}{place}; it offers {offers}")


class Page:
    """What came back: its address, status and text."""

    def __init__(self, response: httpx2.Response) -> None:
        self.url = str(response.url)
        self.status = response.status_code
        self.soup = BeautifulSoup(response.text, "html.parser")

    @property
    def heading(self) -> str:
        """The first `h1`, or nothing."""
        first = self.soup.find("h1")
        return _words(first) if isinstance(first, Tag) else ""

    @property
    def text(self) -> str:
        return _words(self.soup)

    def offers(self) -> list[str]:
        """The words of all that can be pressed here."""
        return [words for kind in _PRESSABLE for thing in self.soup.select(kind) if (words := _label(thing))]

    def find(self, label: str, near: str | None) -> Tag:
        """What carries this label; with `near`, the one whose closest surroundings hold those words."""
        found = [thing for kind in _PRESSABLE for thing in self.soup.select(kind) if _label(thing) == label]
        if near is not None:
            found = sorted(
                (thing for thing in found if _distance(thing, near) is not None), key=lambda t: _distance(t, near) or 0
            )
        if not found:
            raise NothingToPress(label, near, self)
        return found[0]


class Browser:
    """One person's browser, with cookies of its own. Use as an asynchronous context manager."""

    def __init__(self, *, timeout_seconds: float = 30.0) -> None:
        # Browsers send Secure cookies to http://localhost as well; Python's jar has to be told.
        jar = CookieJar(DefaultCookiePolicy(secure_protocols=("https", "http")))
        self._http = httpx2.AsyncClient(
            cookies=jar,
            follow_redirects=True,
            timeout=timeout_seconds,
            max_redirects=_MAX_REDIRECTS,
            headers={"Accept": "text/html"},
        )
        self._page: Page | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    @property
    def page(self) -> Page:
        if self._page is None:
            raise AssertionError("no page is open yet")
        return self._page

    async def open(self, url: str) -> Page:
        return await self._show(await self._http.get(url))

    async def press(self, label: str, *, near: str | None = None, **filled_in: str) -> Page:
        """Press what carries this label: follow the link, or send its form with what the page prefilled.

        `filled_in` overrides form fields by name. Raises NothingToPress.
        """
        thing = self.page.find(label, near)
        if thing.name == "a":
            return await self.open(urljoin(self.page.url, str(thing["href"])))
        form = thing.find_parent("form")
        if not isinstance(form, Tag):
            raise NothingToPress(label, near, self.page)
        address = urljoin(self.page.url, str(thing.get("formaction") or form.get("action") or self.page.url))
        fields = {**_prefilled(form), **_own_value(thing), **filled_in}
        if str(form.get("method", "get")).lower() == "post":
            response = await self._http.post(address, data=fields)
        else:
            response = await self._http.get(address, params=fields)
        return await self._show(response)

    async def _show(self, response: httpx2.Response) -> Page:
        """Follow what the page itself sends on to at once, as browsers do."""
        self._page = Page(response)
        onward = _AT_ONCE.fullmatch(response.headers.get("Refresh", ""))
        return await self.open(urljoin(self._page.url, onward["url"])) if onward else self._page


def _words(thing: Tag) -> str:
    return " ".join(thing.get_text(" ").split())


def _label(thing: Tag) -> str:
    return str(thing.get("aria-label") or _words(thing) or thing.get("value") or "")


def _distance(thing: Tag, near: str) -> int | None:
    """How many elements out from the thing the words are first found; None when they are not on the page."""
    for steps, around in enumerate(thing.parents):
        if near in _words(around):
            return steps
    return None


def _own_value(thing: Tag) -> dict[str, str]:
    return {str(thing["name"]): str(thing.get("value", ""))} if thing.get("name") else {}


def _prefilled(form: Tag) -> dict[str, str]:
    fields: dict[str, str] = {}
    for field in form.select("input[name], select[name], textarea[name]"):
        name, kind = str(field["name"]), str(field.get("type", "text"))
        if field.name == "select":
            chosen = field.select_one("option[selected]") or field.select_one("option")
            fields[name] = str(chosen.get("value", "")) if chosen else ""
        elif field.name == "textarea":
            fields[name] = field.get_text()
        elif kind in {"radio", "checkbox"}:
            if field.has_attr("checked"):
                fields[name] = str(field.get("value", "on"))
        elif kind not in {"submit", "button", "image", "reset"}:
            fields[name] = str(field.get("value", ""))
    return fields
