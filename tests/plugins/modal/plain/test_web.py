"""A server of a container's own, behind a URL."""

import urllib.request

import modal
import pytest

pytestmark = pytest.mark.usefixtures("client")


def test_a_web_server_answers_at_its_url(deployed):
    url = modal.Cls.from_name(deployed, "Pages")().serve.get_web_url()
    with urllib.request.urlopen(f"{url}/index.html?x=1", timeout=30) as answer:
        assert answer.read() == b"a page"
        assert answer.headers["Content-Type"] == "text/html"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{url}/nothing", timeout=30)
