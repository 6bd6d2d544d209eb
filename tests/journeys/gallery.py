"""Pictures of pages on a desk in light and on a phone in dark, and the page that shows them side by side."""

import io
import re
from dataclasses import dataclass, field
from pathlib import Path

from looks import DESK, PHONE, Look
from person import Person
from PIL import Image

COLOURS = 128  # of a palette: plenty for pages without photographs, and a fifth of the bytes
SCREENS = {
    "W1": "Inbox",
    "W3": "Business settings",
    "W4": "Connections",
    "W5": "Manage",
    "W6": "Before you go",
    "W7": "Practice provider",
    "W8": "Back from the login",
    "W9": "Choose an organisation",
    "W10": "Confirmation",
    "W11": "Change connection",
    "W12": "Change connection: confirmation",
    "W17": "Integration settings",
    "W18": "Reconnect link",
    "W19": "Disconnect",
    "M3": "Settings on a phone",
    "M4": "Integrations",
    "M5": "Connect on a phone",
    "M6": "On the way",
    "M7": "Choose an organisation on a phone",
    "M8": "Pop-up",
    "M9": "One software on a phone",
}


@dataclass
class Gallery:
    """A folder of pictures. `states` are those taken so far, by screen."""

    folder: Path
    states: dict[str, list[str]] = field(default_factory=dict)

    async def take(self, person: Person, screen: str, state: str) -> None:
        """Two pictures of the whole page as it stands; the person sits at a desk again afterwards."""
        self.states.setdefault(screen, []).append(state)
        for look in (DESK, PHONE):
            await sit_before(person, look)
            picture = await person.page.screenshot(full_page=True, animations="disabled")
            (self.folder / file_name(screen, state, look)).write_bytes(small(picture))
        await sit_before(person, DESK)

    def hang(self, preface: str) -> None:
        """Write the page that shows them all, and remove pictures that it does not show."""
        shown = {"README.md"}
        lines = [preface]
        for screen in sorted(self.states, key=list(SCREENS).index):
            title = SCREENS[screen]
            lines += [f"## {screen} {title}", "", "| State | Desk, light | Phone, dark |", "|---|---|---|"]
            for state in self.states[screen]:
                names = [file_name(screen, state, look) for look in (DESK, PHONE)]
                cells = [
                    f'<img src="{name}" alt="{title}, {state}, {look}" width="{width}">'
                    for name, look, width in zip(names, ("at a desk", "on a phone"), (560, 200), strict=True)
                ]
                lines.append(f"| {state} | {' | '.join(cells)} |")
                shown.update(names)
            lines.append("")
        (self.folder / "README.md").write_text("\n".join(lines))
        for file in self.folder.iterdir():
            if file.name not in shown:
                file.unlink()


def file_name(screen: str, state: str, look: Look) -> str:
    return f"{screen}-{re.sub(r'[^a-z0-9]+', '-', state.lower()).strip('-')}-{look}.png".lower()


async def sit_before(person: Person, look: Look) -> None:
    await person.page.set_viewport_size({"width": look.width, "height": look.height})
    await person.page.emulate_media(color_scheme=look.color_scheme)


def small(picture: bytes) -> bytes:
    kept = io.BytesIO()
    reduced = Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    reduced.save(kept, "PNG", optimize=True)
    return kept.getvalue()
