"""Say how a server is asked, in lines that can be pasted."""

import json
from typing import Any

import click

from ftk.server import Server
from ftk.serving.keys import Key


def tell(server: Server, key: Key | None, as_json: bool) -> None:
    """Say that a server is ready, and how to ask it."""
    endpoint = server.endpoint
    if as_json:
        made = key.value if key and not key.variable else None
        told = {"id": server.id, "url": server.url, "models": endpoint.models, "runs": endpoint.runs, "key": made}
        click.echo(json.dumps(told))
        return
    click.echo(f"{server.url} serves {', '.join(endpoint.models)}")
    if key and not key.variable:
        click.echo(f"key: {key.value} (it is shown this once)")
    click.echo(f"\n{_curl(server, key)}\n\n{_python(server, key)}")


def _question(server: Server) -> tuple[str, dict[str, Any]]:
    """The path of a first request, and what it says."""
    given = {"model": server.endpoint.models[0], "max_tokens": 32}
    if server.endpoint.chats:
        return "chat/completions", {**given, "messages": [{"role": "user", "content": "Hello"}]}
    return "completions", {**given, "prompt": "Hello"}


def _curl(server: Server, key: Key | None) -> str:
    path, body = _question(server)
    secret = f' -H "Authorization: Bearer {key.for_shell}"' if key else ""
    return f"curl {server.url}/v1/{path}{secret} -H \"Content-Type: application/json\" -d '{json.dumps(body)}'"


def _python(server: Server, key: Key | None) -> str:
    path, body = _question(server)
    secret = f'os.environ["{key.variable}"]' if key and key.variable else repr(key.value if key else "none")
    given = ", ".join(f"{name}={json.dumps(value)}" for name, value in body.items())
    text = "message.content" if server.endpoint.chats else "text"
    return "\n".join(
        [
            "import os, openai" if key and key.variable else "import openai",
            f'client = openai.OpenAI(base_url="{server.url}/v1", api_key={secret})',
            f"print(client.{path.replace('/', '.')}.create({given}).choices[0].{text})",
        ]
    )
