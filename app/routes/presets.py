"""The preset table, as clients read it."""

import functools
from typing import Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from app.routes.dependencies import refuse_unknown_parameters
from models.config import field_ranges
from models.presets import DEFAULT_PRESET, PRESETS, Preset

router = APIRouter(
    prefix="/presets", tags=["presets"], dependencies=[Depends(refuse_unknown_parameters)]
)


class Parameters(BaseModel):
    generator: int
    discriminator: int


class PresetView(BaseModel):
    """A preset at its native shape; `overrides` are the fields a job may change, with ranges.

    `default` marks the one that a job has which names none.
    """

    name: str
    default: bool
    source: str
    summary: str
    parameters: Parameters
    config: dict[str, Any]
    overrides: dict[str, dict[str, Any]]


class PresetList(BaseModel):
    items: list[PresetView]
    next: None = None


@router.get("")
def list_presets() -> PresetList:
    return PresetList(items=[_view(name) for name in PRESETS])


@functools.cache
def _view(name: str) -> PresetView:
    from models.networks.build import count_parameters  # torch, which the start need not wait for

    preset: Preset = PRESETS[name]
    return PresetView(
        name=preset.name,
        default=preset.name == DEFAULT_PRESET,
        source=preset.source,
        summary=preset.summary,
        parameters=Parameters(**count_parameters(preset.config)),
        config=preset.config.to_json(),
        overrides=field_ranges(),
    )
