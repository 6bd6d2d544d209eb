"""The practice users: who they are to the identity provider and to the identity system."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PracticeUser:
    id: str
    name: str
    email: str
    role: str
    """In words, for the sign-in page; memberships are said by the identity system, not by tokens."""
    time_zone: str = "Europe/London"
    locale: str = "en-GB"


USERS = (
    PracticeUser("usr_anna", "Anna Ackroyd", "anna@demo.example", "administrator"),
    PracticeUser("usr_ben", "Ben Barlow", "ben@demo.example", "member"),
    PracticeUser("usr_carla", "Carla Castle", "carla@demo.example", "accountant"),
)


def find(user_id: str) -> PracticeUser | None:
    return next((user for user in USERS if user.id == user_id), None)
