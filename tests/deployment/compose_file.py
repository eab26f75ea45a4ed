"""docker-compose.yml as compose reads it: what each service is told by its environment."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
SECRETS = {"MOGGY_API_KEYS": "key", "POSTGRES_PASSWORD": "p1", "VALKEY_PASSWORD": "v1"}


def interpolate(text: str, variables: dict[str, str]) -> str:
    """`${NAME}`, `${NAME:-default}` and `${NAME:?error}` as compose reads them."""

    def value(match: re.Match[str]) -> str:
        name, _, default = match[1].partition(":-")
        name = name.partition(":?")[0]
        if variables.get(name):
            return variables[name]
        assert ":-" in match[1], f"{name} is not set"
        return default

    return re.sub(r"\$\{([^}]+)\}", value, text).replace("$$", "$")


class ComposeFile:
    """`variables` are what the file `.env` holds: for `${…}`, and for services with an env_file."""

    def __init__(self, variables: dict[str, str]) -> None:
        self.services: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())[
            "services"
        ]
        self._variables = variables

    def environment(self, service: str) -> dict[str, str]:
        """What a container's processes find, beside what the image sets."""
        described = self.services[service]
        files = [interpolate(entry["path"], self._variables) for entry in self._files(described)]
        assert set(files) <= {".env"}
        found = dict(self._variables) if files else {}
        for name, value in described.get("environment", {}).items():
            if value is None:  # passed on, where it is set
                found.pop(name, None)
                if name in self._variables:
                    found[name] = self._variables[name]
            else:
                found[name] = interpolate(str(value), self._variables)
        return found

    def command(self, service: str) -> list[str]:
        return [
            interpolate(str(part), self._variables) for part in self.services[service]["command"]
        ]

    def _files(self, described: dict[str, Any]) -> list[dict[str, Any]]:
        files: list[dict[str, Any]] = described.get("env_file", [])
        assert all(entry["required"] is False for entry in files)
        return files
