"""Invented businesses and people, the same ones at every start."""

import random
from dataclasses import dataclass
from functools import cache
from typing import Literal


def _words(text: str, between: str | None = None) -> list[str]:
    return [word.strip() for word in text.split(between)]


_FAMILY = _words(
    "Ashdown Bainbridge Calloway Danvers Eastwick Fairbairn Garside Hathersage Ingleby Jessop Kirkbride Langstaff "
    "Marchbanks Netherton Oakenshaw Penhallow Quarmby Ravensworth Stainforth Thackeray Underhill Venables "
    "Wolstenholme Yardley Arkwright Bretherton Cuthbert Dunstable Entwistle Fothergill Greenhalgh Hebblethwaite"
)
_PLACE = _words(
    "Avonside Brackenfell Cobblegate Dovedale Elmbridge Foxmere Glenbourne Harrowbeck Ivybank Kestrel Larkhill "
    "Millstone Northgate Otterburn Priory Ridgeway Silverdale Tarnside Upland Westmoor"
)
_SUPPLIES = _words(
    "Office Supplies | Timber Merchants | Electrical Wholesale | Packaging | Courier Services | Fasteners | "
    "Print & Design | Plumbing Supplies | Catering | IT Services | Cleaning Services | Plant Hire | "
    "Steel Stockholders | Stationery | Waste Management | Vehicle Leasing | Security Systems | Coffee Roasters | "
    "Tool Hire | Signs & Graphics | Haulage | Insurance Brokers | Accountancy | Telecoms | Fire Protection",
    "|",
)
_BUYS = _words(
    "Joinery | Garden Centre | Hotels | Builders | Architects | Dental Practice | Property Management | "
    "Veterinary Clinic | Brewery | Restaurants | Schools Trust | Landscapes | Interiors | Estates | Motors",
    "|",
)
_LEGAL = ("Ltd", "Ltd", "Ltd", "Limited", "LLP", "& Sons Ltd", "Group Ltd", "")
_FIRST = _words("Alice Brian Chloe David Emma Farah George Hannah Imran Julia Kofi Laura Martin Nadia Owen Priya")
_STREET = _words(
    "High Street | Station Road | Mill Lane | Church Road | Park Avenue | Canal Street | Market Place | Wharf Road", "|"
)
_TOWN = _words(
    "Leeds LS1 | Bristol BS1 | Norwich NR2 | Sheffield S3 | York YO1 | Exeter EX4 | Derby DE1 | Lincoln LN5 | "
    "Reading RG1 | Perth PH1",
    "|",
)


@dataclass(frozen=True)
class PracticeContact:
    name: str
    role: Literal["supplier", "customer"]
    first_name: str
    last_name: str
    email: str
    tax_number: str
    """A UK VAT number in form, GB and nine digits; empty when the business is not registered."""
    phone: str
    street: str
    town: str
    postcode: str
    archived: bool


@cache
def practice_contacts(seed: str, suppliers: int, customers: int) -> tuple[PracticeContact, ...]:
    """That many of each, with names that are unique over both."""
    dice = random.Random(seed)  # noqa: S311 - reproducible on purpose, no secret
    names = _names(dice, _SUPPLIES, suppliers) + _names(dice, _BUYS, customers)
    contacts = []
    for position, name in enumerate(names):
        role: Literal["supplier", "customer"] = "supplier" if position < suppliers else "customer"
        town, area = dice.choice(_TOWN).rsplit(" ", 1)
        domain = "".join(letter for letter in name.lower().replace("&", "and") if letter.isalnum())
        contacts.append(
            PracticeContact(
                name=name,
                role=role,
                first_name=dice.choice(_FIRST),
                last_name=dice.choice(_FAMILY),
                email=f"accounts@{domain}.example",
                tax_number=f"GB{dice.randrange(10**8, 10**9)}" if dice.random() < 0.7 else "",  # noqa: PLR2004
                phone=f"01632 960{dice.randrange(1000):03}",
                street=f"{dice.randrange(1, 200)} {dice.choice(_STREET)}",
                town=town,
                postcode=f"{area} {dice.randrange(1, 10)}{dice.choice('ABDEFG')}{dice.choice('HJLNPQ')}",
                archived=position % 50 == 49,  # noqa: PLR2004 - one in fifty
            )
        )
    return tuple(contacts)


def _names(dice: random.Random, trades: list[str], count: int) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < count:
        first = dice.choice(_FAMILY if dice.random() < 0.65 else _PLACE)  # noqa: PLR2004 - more families than places
        found[f"{first} {dice.choice(trades)} {dice.choice(_LEGAL)}".strip()] = None
    return list(found)
