"""The block `ftk.serve`, whose settings mean the same for every server."""

from typing import TYPE_CHECKING

from ftk.config.schema import Schema
from ftk.errors import UsageError

if TYPE_CHECKING:
    from ftk.config.resolved import Config

PORT = 8000
LOOPBACK = "127.0.0.1"

SERVE: Schema = {
    "type": "object",
    "additionalProperties": False,
    "description": "how models are served",
    "properties": {
        "host": {"type": "string", "default": LOOPBACK, "description": "where to listen"},
        "port": {"type": "integer", "minimum": 0, "maximum": 65535, "default": PORT, "description": "0 for a free one"},
        "dtype": {
            "enum": ["float32", "bfloat16", "float16", None],
            "default": None,
            "description": "type of the computation; float32 on a CPU and the model's own on a GPU, if empty",
        },
        "max_model_len": {
            "type": ["integer", "null"],
            "minimum": 1,
            "default": None,
            "description": "tokens of prompt and answer together; as many as the model knows, if empty",
        },
        "gpu_memory": {
            "type": ["number", "null"],
            "exclusiveMinimum": 0,
            "maximum": 1,
            "default": None,
            "description": "share of a GPU's memory that the server takes",
        },
        "max_concurrency": {
            "type": ["integer", "null"],
            "minimum": 1,
            "default": None,
            "description": "requests that the server takes at once; what becomes of more is for the server to say",
        },
        "max_request_bytes": {
            "type": ["integer", "null"],
            "minimum": 1,
            "default": None,
            "description": "larger requests are refused",
        },
        "arguments": {
            "type": "array",
            "items": {"type": "string"},
            "default": [],
            "description": "further arguments of the server's command, as they are",
        },
    },
}


def refuse_settings(config: "Config", server: str, *names: str) -> None:
    """Stop at settings that a server does not have.

    :param server: its provider.
    :param names: of settings that it does not have.
    :raises UsageError: where the config gives one of them.
    """
    for name in names:
        if config.ftk["serve"][name]:
            raise UsageError(f"{server} has no setting for ftk.serve.{name}", f"leave it out: --set ftk.serve.{name}=")
