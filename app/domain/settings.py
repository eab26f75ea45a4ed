"""The settings, read from `MOGGY_*` environment variables and validated."""

import ipaddress
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.domain.api_keys import ApiKey, parse_api_keys

ROOT_PATH = r"(/[A-Za-z0-9._~-]+)+"
ORIGIN = r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?"
MIB, GIB = 1024**2, 1024**3


class DatabaseSettings(BaseSettings):
    """Where the home and the database are: the settings that `moggy migrate` reads.

    Each program builds the class with the settings that it uses, so that an invalid value of
    another program's setting does not stop it. Sizes are bytes, durations seconds.
    """

    model_config = SettingsConfigDict(env_prefix="MOGGY_", env_ignore_empty=True, frozen=True)

    home: Path = Path("~/.moggy")
    database_url: str | None = None  # None: SQLite under the home

    @field_validator("home")
    @classmethod
    def _absolute_home(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.home / 'moggy.db'}"

    @property
    def owns_database(self) -> bool:
        """Whether the database is a file in the home, which only one machine can use."""
        return self.database_url is None

    @property
    def runs(self) -> Path:
        """The folder that contains a folder for each running job."""
        return self.home / "runs"


class BrokerSettings(BaseSettings):
    """The settings of the broker."""

    model_config = DatabaseSettings.model_config

    redis_url: str | None = None  # None: `moggy up` starts a Valkey server of its own


class WorkerSettings(DatabaseSettings, BrokerSettings):
    """The settings that a worker reads."""

    # To PostgreSQL, per process. The API needs one for every four of its threads, which hold a
    # connection for milliseconds. A worker opens at most four.
    database_connections: int = Field(10, ge=1)
    storage_url: str | None = None  # s3://bucket/prefix; None: files under the home
    cache_bytes: int = Field(20 * GIB, ge=0)  # local copies of objects in a bucket
    min_free_bytes: int = Field(8 * MIB, ge=0)  # of the home's disk; below it, no work starts
    heartbeat_file: Path | None = None  # touched by a worker while its main loop runs

    max_unpacked_bytes: int = Field(200 * GIB, ge=1)
    max_pixels: int = Field(89_478_485, ge=1)  # of one uploaded picture
    max_dataset_images: int = Field(2_000_000, ge=2)
    max_model_bytes: int = Field(GIB, ge=1)  # of the weights of an imported model
    encoder_images: int = Field(24_000, ge=128)  # generated to train a checkpoint's encoder
    calibration_pictures: int = Field(64, ge=8, le=256)  # projected after that training
    projection_steps: int = Field(160, ge=3, le=10_000)  # of the optimisation of a latent

    lease_seconds: float = Field(60, gt=0)
    reap_seconds: float = Field(10, gt=0)
    ingest_stall_seconds: float = Field(300, gt=0)  # without reading a byte or packing a picture
    stop_grace_seconds: float = Field(8, gt=0)
    state_every_seconds: float = Field(30, gt=0)
    max_attempts: int = Field(3, ge=1)

    processes_per_training: int = Field(1, ge=1)  # under torchrun, one for each GPU
    checkpoint_budget_mb: int = Field(1024, ge=1)  # of one training, 1024² bytes each
    checkpoints_kept: int = Field(50, ge=1)  # of one training

    max_queued_jobs: int = Field(1000, ge=1)
    index_samples: int = Field(16_384, ge=64, le=1 << 20)  # images of a checkpoint's sample index
    index_served: bool = True  # whether a checkpoint is indexed before a search needs the index
    encoder_served: bool = True  # whether an encoder is trained before a projection needs it


class Settings(WorkerSettings):
    """All settings, for the API and `moggy up`."""

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    # `repr=False` keeps the value out of messages about invalid settings too.
    api_keys: Annotated[tuple[ApiKey, ...], NoDecode] = Field((), repr=False)
    cors_origins: Annotated[frozenset[str], NoDecode] = frozenset()  # of pages that may call
    root_path: str | None = None  # the prefix below which a proxy publishes the service
    trusted_proxies: Annotated[frozenset[str], NoDecode] = frozenset()  # addresses or networks
    open_metrics: bool = False  # whether /metrics needs no key

    starter: Literal["cats", "none"] = "cats"  # the model that an empty service imports

    max_upload_bytes: int = Field(20 * GIB, ge=1)
    max_images_per_request: int = Field(10_000, ge=1)
    max_frames: int = Field(600, ge=2)
    max_response_pixels: int = Field(64 * 1024**2, ge=1)
    generation_queue_images: int = Field(4096, ge=1)
    generation_queue_bytes: int = Field(GIB // 4, ge=1)  # of the pixels of queued images
    model_memory_bytes: int = Field(GIB, ge=1)  # of the weights of loaded generators
    generation_seconds: float = Field(60, gt=0)  # how long a request may wait for its images

    @field_validator("api_keys", mode="before")
    @classmethod
    def _keys(cls, value: str | Iterable[str]) -> tuple[ApiKey, ...]:
        return parse_api_keys(value)

    @field_validator("cors_origins", "trusted_proxies", mode="before")
    @classmethod
    def _comma_list(cls, value: object) -> object:
        if isinstance(value, str):
            return frozenset(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, origins: frozenset[str]) -> frozenset[str]:
        for origin in origins:
            if origin != "*" and not re.fullmatch(ORIGIN, origin):
                raise ValueError(
                    f"MOGGY_CORS_ORIGINS {origin!r} is not an origin as browsers send it: "
                    "https://HOST or http://HOST:PORT in lower case, without a path, or * for all"
                )
        return origins

    @field_validator("root_path")
    @classmethod
    def _prefix(cls, root_path: str | None) -> str | None:
        prefix = (root_path or "").rstrip("/")
        if prefix and not re.fullmatch(ROOT_PATH, prefix):
            raise ValueError(
                f"MOGGY_ROOT_PATH {root_path!r} is not a prefix like /moggy: a slash, "
                "then letters, digits and . _ ~ -"
            )
        return prefix or None

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, networks: frozenset[str]) -> frozenset[str]:
        for network in networks:
            try:
                ipaddress.ip_network(network)
            except ValueError as exc:
                raise ValueError(
                    f"MOGGY_TRUSTED_PROXIES {network!r} is not an address like 10.0.0.7 or a "
                    f"network like 10.0.0.0/8: {exc}"
                ) from exc
        return networks

    @model_validator(mode="after")
    def _origins_with_keys(self) -> Self:
        if self.cors_origins and not self.api_keys:
            raise ValueError(
                "MOGGY_CORS_ORIGINS lets pages of other sites call the service, and without keys "
                "every visitor of those pages could use it: set MOGGY_API_KEYS too"
            )
        return self

    @model_validator(mode="after")
    def _keys_off_loopback(self) -> Self:
        if not self.api_keys and not is_loopback(self.host):
            raise ValueError(
                f"MOGGY_HOST {self.host} is reachable from other machines: set MOGGY_API_KEYS "
                "to a comma-separated list of keys, or bind 127.0.0.1"
            )
        return self


def is_loopback(host: str) -> bool:
    """Whether a server bound to `host` is reachable only from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
