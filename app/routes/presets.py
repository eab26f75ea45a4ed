"""The presets: the table of named training configurations."""

import functools
from typing import Any

from fastapi import Depends
from pydantic import BaseModel

from app.routes.dependencies import refuse_unknown_parameters
from app.routes.openapi import new_router
from models.config import UNUSED_FIELDS, field_ranges
from models.presets import DEFAULT_PRESET, PRESETS, Preset, resolve

router = new_router(
    prefix="/v1/presets", tags=["presets"], dependencies=[Depends(refuse_unknown_parameters)]
)


class Parameters(BaseModel):
    generator: int
    discriminator: int


class PresetView(BaseModel):
    """A preset at its native shape. `overrides` lists the fields that a job with this preset may
    change, each with its range and its default, which is the preset's own value.

    `default` marks the preset of jobs that name none.
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
    preset: Preset = PRESETS[name]
    config = resolve(name, shape=preset.config.shape).to_json()
    overrides = {
        field: schema | {"default": config[field]}
        for field, schema in field_ranges().items()
        if field not in UNUSED_FIELDS[preset.config.architecture]
    }
    return PresetView(
        name=preset.name,
        default=preset.name == DEFAULT_PRESET,
        source=preset.source,
        summary=preset.summary,
        parameters=Parameters(**preset.parameters._asdict()),
        config=config,
        overrides=overrides,
    )
