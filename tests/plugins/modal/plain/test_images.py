"""Images, and what containers find in them; small apps are written for them, since an image belongs to an app."""

import textwrap
from collections.abc import Callable

import pytest

Deploy = Callable[..., str]


@pytest.fixture
def try_image(run, tmp_path) -> Callable[..., str]:
    """Runs a function in an image, given as an expression, and gives what was printed; `fails` if there is no image."""

    def call(image: str, body: str, **options: bool) -> str:
        (tmp_path / "tried.py").write_text(
            f"import modal\napp = modal.App('tried', image=modal.Image.debian_slim(){image})\n"
            f"@app.function()\ndef look():\n{textwrap.indent(body, '    ')}\n"
            "@app.local_entrypoint()\ndef main():\n    look.remote()\n"
        )
        return run("modal", "run", tmp_path / "tried.py", **options)

    return call


@pytest.mark.slow
def test_commands_of_an_image_leave_what_they_write(try_image, standin):
    image = ".run_commands('mkdir /made && echo $WORD > /made/word').env({'WORD': 'late'})"
    image = f".env({{'WORD': 'early'}}).workdir('/place'){image}"
    body = "import os; print('made', open('/made/word').read().strip(), os.environ['WORD'], os.getcwd())"
    assert "made early late /place" in try_image(image, body)
    built = len(standin.images())
    assert "made early late /place" in try_image(image, body)
    assert len(standin.images()) == built


def test_an_image_whose_command_fails_is_told(try_image):
    printed = try_image(".run_commands('echo on the way; exit 3')", "pass", fails=True)
    assert "on the way" in printed
    assert "exit status 3" in printed


@pytest.mark.slow
def test_files_are_mounted_or_copied(try_image, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("content")
    folder = tmp_path / "folder"
    image = f".add_local_file('{folder}/a.txt', '/copied/a.txt', copy=True).add_local_dir('{folder}', '/mounted')"
    body = "print(open('/copied/a.txt').read(), open('/mounted/a.txt').read())"
    assert "content content" in try_image(image, body)


def test_a_container_finds_neither_the_project_nor_the_clients_files_unless_they_are_sent(try_image, tmp_path, root):
    (tmp_path / "secret").write_text("x")
    body = f"""\
from importlib import metadata
from pathlib import Path
import aiohttp
found = [path for path in ({str(tmp_path)!r}, {str(root)!r}) if Path(path).exists()]
editable = [one.name for one in metadata.distributions() if one.read_text('direct_url.json')]
Path('/etc/written').write_text('forgotten')
print('found', found, editable)"""
    assert "found [] []" in try_image("", body)
