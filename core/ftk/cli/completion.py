"""`ftk completion`: have the shell complete commands, options and runs."""

import click

SETTINGS = {
    "bash": 'eval "$(ftk completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(ftk completion zsh)"   # in ~/.zshrc, after compinit',
    "fish": "ftk completion fish > ~/.config/fish/completions/ftk.fish",
}
"""The line that turns completion on, by shell."""


@click.command("completion", epilog=f"Example: {SETTINGS['fish']}")
@click.argument("shell", type=click.Choice(list(SETTINGS)))
def command(shell: str) -> None:
    """Have the shell complete commands, options and runs.

    The script that is printed says in its first line where it belongs.
    """
    from click.shell_completion import get_completion_class

    from ftk.cli import cli

    completion = get_completion_class(shell)
    assert completion is not None  # click knows all of these
    click.echo(f"# {SETTINGS[shell]}")
    click.echo(completion(cli, {}, "ftk", "_FTK_COMPLETE").source())
