"""The examples of the OpenAPI document. They use what the starter model `cats` brings with it, so
that they run as shown against a new service."""

from typing import Any

PATH = "/v1/models/{name}"

# By the parameter's name, of all calls below PATH.
PARAMETERS: dict[str, Any] = {
    "name": "cats",
    "seed": 1061144,
    "latent": "white",
    "direction": "white",
    "keyframes": "white..tabby",
    "edit": ["white:1.5"],
    "layer": 1,
}

WHITE, TABBY = {"name": "white"}, {"name": "tabby"}

# By method and path: the body as JSON.
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("post", "/v1/jobs"): {
        "kind": "synthesize",
        "model": "cats",
        "images": 3000,
        "into": "more-kittens",
    },
    ("post", f"{PATH}/images"): {"latents": [WHITE, {"seed": 7}], "format": "grid", "scale": 2},
    ("post", f"{PATH}/interpolations"): {
        "keyframes": [WHITE, TABBY],
        "easing": "even",
        "format": "webp",
    },
    ("post", f"{PATH}/blend"): {
        "corners": [WHITE, TABBY, {"name": "black"}, {"name": "ginger"}],
        "sheet": 7,
    },
    ("post", f"{PATH}/search"): {"color": "#ffffff", "k": 32},
    ("post", f"{PATH}/latents"): {
        "name": "snow",
        "seed": 1061144,
        "edits": {"white": 1},
        "tags": ["light"],
    },
    ("patch", f"{PATH}/latents/{{latent}}"): {"note": "A white cat that looks at the camera"},
    ("post", f"{PATH}/latents.json"): {"latents": [{"name": "my-tabby", "seed": 1061270}]},
    ("post", f"{PATH}/directions"): {
        "name": "light",
        "positive": [WHITE, {"name": "tabby-white"}, {"name": "grey"}],
        "negative": [TABBY, {"name": "black"}, {"name": "tuxedo"}],
    },
    ("patch", f"{PATH}/directions/{{direction}}"): {"name": "pale"},
    ("patch", PATH): {"checkpoint": None},
}


def add_examples(method: str, path: str, operation: dict[str, Any]) -> None:
    """Write the examples of a call into its description."""
    if path.startswith(PATH):
        for parameter in operation.get("parameters", ()):
            if parameter["name"] in PARAMETERS:
                parameter["example"] = PARAMETERS[parameter["name"]]
    if (method, path) in BODIES:
        operation["requestBody"]["content"]["application/json"]["example"] = BODIES[method, path]
