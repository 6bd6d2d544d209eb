"""What list-svc is told from outside, as RELINK_ variables."""

from chassis.settings import DatabaseSettings, HttpSettings, IdentitySettings, KafkaSettings, ProcessSettings
from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    database: DatabaseSettings
    kafka: KafkaSettings
    http: HttpSettings
    identity: IdentitySettings
    process: ProcessSettings
