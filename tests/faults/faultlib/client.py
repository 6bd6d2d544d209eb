"""One who calls the actor `api`, and asks again under the same Idempotency-Key until it knows what became of it."""

import json
import random
import uuid
from typing import Final

import httpx2
from joserfc.jwk import OKPKey

from chassis.service_tokens import ServiceSigner
from faultlib.history import History

_CREATED, _CONFLICT, _SERVER_ERROR = 201, 409, 500
KEY: Final = OKPKey.generate_key("Ed25519")
PUBLIC: Final = KEY.as_dict(private=False)
PRIVATE: Final = json.dumps(KEY.as_dict(private=True))


class Client:
    """Sends one command after the other. `unanswered` are those that the service still thinks it is at."""

    def __init__(self, port: int, service: str, history: History, chance: random.Random) -> None:
        self._service, self._history, self._chance = service, history, chance
        self._signer = ServiceSigner("client", PRIVATE)
        self._http = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10)
        self.unanswered: dict[uuid.UUID, str] = {}

    async def post(self) -> None:
        """A new command, once or, now and then, twice: whoever is not sure asks again."""
        command, account = uuid.UUID(int=self._chance.getrandbits(128)), f"acc_{self._chance.randrange(12)}"
        for _ in range(self._chance.choice([1, 1, 1, 2])):
            await self.ask(command, account)

    async def ask(self, command: uuid.UUID, account: str) -> None:
        token = self._signer.token(self._service, "client", "biz_1", "service")
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(command)}
        answer = await self._http.post(f"/entries/{account}", headers=headers)
        code = answer.json().get("code")
        if answer.status_code == _CREATED:
            self._history.note("committed", command=command, events=[answer.json()["event"]])
            self.unanswered.pop(command, None)
        elif answer.status_code == _CONFLICT and code == "answer_lost":
            self._history.note("resolved", command=command)
            self.unanswered.pop(command, None)
        else:
            assert answer.status_code >= _SERVER_ERROR or code == "idempotency_key_running", answer.text
            self._history.note("unknown", command=command, status=answer.status_code, events=[])
            self.unanswered[command] = account

    async def close(self) -> None:
        await self._http.aclose()
