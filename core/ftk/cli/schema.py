"""`ftk schema`: a JSON schema of the config, for editors."""

import json

import click


@click.command("schema", epilog="Example: ftk schema > ftk.schema.json")
def command() -> None:
    """Print a JSON schema of the config, for editors.

    It has the keys of all installed plugins. Editors with a YAML language server complete and explain the keys of a
    config that begins with this line:

    # yaml-language-server: $schema=ftk.schema.json
    """
    from ftk.config.whole_schema import whole_schema
    from ftk.hooks.manager import Manager

    click.echo(json.dumps(whole_schema(Manager.load()), indent=2, ensure_ascii=False))
