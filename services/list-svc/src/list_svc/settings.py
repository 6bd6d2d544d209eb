"""What list-svc is told from outside, as RELINK_ variables."""

from pydantic_settings import BaseSettings

from chassis.settings import DatabaseSettings, HttpSettings, IdentitySettings, KafkaSettings, ProcessSettings


class Settings(BaseSettings):
    database: DatabaseSettings
    kafka: KafkaSettings
    http: HttpSettings
    identity: IdentitySettings
    process: ProcessSettings
