"""The backend keeps the rules of backends."""

import pytest

from ftk.testing.backends import backend_findings
from ftk.testing.calls import Ftk


@pytest.mark.slow
def test_it_keeps_the_rules_of_backends(far: Ftk) -> None:
    found = {finding.what: finding.problem for finding in backend_findings("modal", far)}
    assert len(found) > 5
    assert {what: problem for what, problem in found.items() if problem} == {}
