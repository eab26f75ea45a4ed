"""Who may import whom, and what must stay unloaded."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# The modules of models/ that do not load torch: the API checks requests with them.
TORCH_FREE = {
    "models.checkpoint_header",
    "models.config",
    "models.durable_files",
    "models.graph_template",
    "models.latents",
    "models.networks.stages",
    "models.onnx_generator",
    "models.onnx_runtime",
    "models.presets",
    "models.ranges",
    "models.resources",
    "models.samples",
    "models.scoring.sample_index",
    "models.seeds",
}
# Longest prefix wins. What a part may import of the project, itself included.
MAY_IMPORT = {
    "models": {"models"},
    "app.domain": {"app.domain", *TORCH_FREE},
    "app.serving": {"app.serving", "app.domain", "models"},
    "app.serving.pictures": {"app.domain", "models", "worker.ingest"},
    "app.routes": {"app.routes", "app.serving", "app.domain", "models"},
    "app.main": {"app.routes", "app.serving", "app.domain", "models"},
    "app.up": {"app.up", "app.domain"},
    "app.cli": {"app.cli", "app.up", "app.domain", "models.config", "models.durable_files"},
    "worker.ingest": {"worker.ingest", "models"},
    "worker.synthesis": {"worker.synthesis", "models", "app.domain.images"},
    "worker": {"worker", "app.domain", "models.child_process", *TORCH_FREE},
}
# The trainer runs on a machine that has only these.
MODELS_NEED = {"torch", "numpy", "onnx", "onnxruntime", "PIL", "safetensors"}


def sources() -> list[Path]:
    return [path for part in ("app", "worker", "models") for path in (ROOT / part).rglob("*.py")]


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> set[str]:
    """Every module a file imports, inside functions too; `from a import b` counts as a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def within(name: str, parts: set[str]) -> bool:
    return any(name == part or name.startswith(f"{part}.") for part in parts)


@pytest.mark.parametrize("path", sources(), ids=module_name)
def test_imports_point_one_way(path: Path) -> None:
    name = module_name(path)
    owner = max((part for part in MAY_IMPORT if within(name, {part})), key=len, default=None)
    if owner is None:
        assert path.read_text() == "", f"{name} belongs to no part"
        return
    ours = {module for module in imported(path) if within(module, {"app", "worker", "models"})}
    assert {module for module in ours if not within(module, MAY_IMPORT[owner])} == set()


def test_models_needs_only_what_a_bare_gpu_machine_has() -> None:
    for path in (ROOT / "models").rglob("*.py"):
        roots = {name.partition(".")[0] for name in imported(path)}
        assert roots - set(sys.stdlib_module_names) - MODELS_NEED - {"models"} == set(), path


def test_onnx_runtime_is_imported_in_one_place_which_turns_its_telemetry_off() -> None:
    users = {
        module_name(path)
        for path in sources()
        if within("onnxruntime", {name.partition(".")[0] for name in imported(path)})
    }
    assert users == {"models.onnx_runtime"}


def test_only_training_and_the_entry_points_build_on_every_part_of_models() -> None:
    """Networks and the modules beside them know neither training nor scores; scores no training."""
    entry_points = {
        "models.train",
        "models.evaluate",
        "models.estimate",
        "models.find_directions",
        "models.index_build",
        "models.projection",
        "models.training",
    }
    for path in (ROOT / "models").rglob("*.py"):
        name = module_name(path)
        if within(name, entry_points):
            continue
        upper = {"models.training"}
        if not within(name, {"models.scoring"}):
            upper.add("models.scoring")
        assert {module for module in imported(path) if within(module, upper)} == set(), name


def test_no_imports_form_a_circle() -> None:
    """Imports in functions and under TYPE_CHECKING count too."""
    modules = {module_name(path): path for path in sources()}

    def module_of(name: str) -> str:
        """The module that an import names: `name` itself, or the one that defines it."""
        while name and name not in modules:
            name = name.rpartition(".")[0]
        return name

    imports = {
        module: {module_of(name) for name in imported(path)} - {module, ""}
        for module, path in modules.items()
    }
    TopologicalSorter(imports).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("part", ["app/domain", "worker"])
def test_the_domain_and_the_worker_know_neither_web_nor_torch(part: str) -> None:
    for path in (ROOT / part).rglob("*.py"):
        roots = {name.partition(".")[0] for name in imported(path)}
        assert roots & {"fastapi", "starlette", "uvicorn", "torch"} == set(), path


def test_every_package_marker_is_empty() -> None:
    markers = [path for path in sources() if path.name == "__init__.py"]
    assert [path for path in markers if path.read_text()] == []


@pytest.mark.parametrize(
    ("module", "unloaded"),
    [
        ("models.checkpoint_header, models.durable_files", {"torch"}),
        ("models.durable_files, models.presets, models.resources, models.samples", {"torch"}),
        ("app.serving.passports", {"torch"}),
        ("worker.tasks", {"torch", "fastapi"}),
        ("app.domain.queue", {"torch", "fastapi"}),
        ("app.domain.training", {"torch", "fastapi"}),
        ("app.cli.main", {"torch", "fastapi", "sqlalchemy", "celery", "httpx2"}),
    ],
)
def test_importing_it_leaves_the_heavy_unloaded(module: str, unloaded: set[str]) -> None:
    program = f"import sys, {module}; print(*({unloaded!r} & set(sys.modules)))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert loaded.stdout.split() == []


def test_the_studio_knows_the_service_by_its_openapi_document_alone() -> None:
    """Its sources name no module, file or table of the service, only addresses."""
    sources = [
        path for ending in ("ts", "tsx") for path in (ROOT / "studio").glob(f"src/**/*.{ending}")
    ]
    assert sources
    for path in sources:
        for imported_path in re.findall(r'from "(\.[^"]+)"', path.read_text()):
            target = (path.parent / imported_path).resolve()
            assert target.is_relative_to(ROOT / "studio"), f"{path}: {imported_path}"
