"""A server of a container's own, behind a URL."""

import urllib.error
import urllib.request

import modal
import pytest

SOURCE = """\
import subprocess
import modal

app = modal.App("brief", image=modal.Image.debian_slim())

@app.function(min_containers=1)
@modal.web_server(8000)
def serve():
    subprocess.Popen(["python", "-m", "http.server", "8000"])
"""

pytestmark = pytest.mark.usefixtures("client")


def test_a_web_server_answers_at_its_url(deployed):
    url = modal.Cls.from_name(deployed, "Pages")().serve.get_web_url()
    with urllib.request.urlopen(f"{url}/index.html?x=1", timeout=30) as answer:
        assert answer.read() == b"a page"
        assert answer.headers["Content-Type"] == "text/html"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{url}/nothing", timeout=30)


@pytest.mark.slow
def test_pieces_of_an_answer_come_as_they_are_sent_and_only_to_who_may_ask(deployed, standin):
    url = modal.Function.from_name(deployed, "echo").get_web_url()
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(url, b"question")
    standin.put_proxy_token("wk-1", "ws-1")
    content = b"question" * 500_000
    request = urllib.request.Request(url, content, {"Modal-Key": "wk-1", "Modal-Secret": "ws-1"}, method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.read(len(content)) == content
        assert standin.containers("echo")[0]["inputs"]
        assert answer.read() == b"the end"


@pytest.mark.slow
def test_the_url_of_a_stopped_app_leads_nowhere(run, standin, until, tmp_path):
    (tmp_path / "brief.py").write_text(SOURCE)
    run("modal", "deploy", tmp_path / "brief.py")
    url = modal.Function.from_name("brief", "serve").get_web_url()
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.status == 200
    run("modal", "app", "stop", "brief", "--yes")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(url, timeout=30)
    until(lambda: not standin.containers("serve"))
