"""A command of a run in its container: what stands in it for paths and interpreters, and who executes it."""

from ftk.plugin import PYTHON, Artifact, Command, Environment
from ftk_modal.calls import Caller, Work
from ftk_modal.inside import CACHE, RUNS
from ftk_modal.mirror import Mirror, reload
from ftk_modal.secrets import Secrets
from ftk_modal.sites import Sites
from ftk_modal.troubles import insist
from ftk_modal.volume import Store


def execute(sites: Sites, run_id: str, command: Command, environment: Environment, events: str) -> int:
    """Execute a command where what it needs is; see `Backend.execute`."""
    site = sites.of(environment)
    mirror, cache = Mirror(Store(sites.names.runs), run_id), Store(sites.names.cache)
    work = Work(
        argv=tuple(text_of(part, run_id, site.recipe.python) for part in command.argv),
        variables={name: text_of(value, run_id, site.recipe.python) for name, value in command.variables.items()},
        path=site.path,
        events=events,
        timeout=command.resources.timeout,
        volumes=(sites.names.runs, sites.names.cache),
    )
    name = "execute_on_gpu" if site.options.gpus and command.resources.gpus else "execute"
    function = insist(lambda: site.function(name))
    if secrets := Secrets.of_driver().made():
        function = function.with_options(secrets=secrets)
    mirror.push()
    cache.volume.commit()
    try:
        return Caller(mirror).execute(function, work)
    finally:
        reload(cache)


def text_of(part: str | Artifact, run_id: str, python: str) -> str:
    """A part of a command as it is in a container."""
    if isinstance(part, Artifact):
        roots = {"run": f"{RUNS}/{run_id}", "runs": RUNS, "cache": CACHE}
        return f"{roots[part.root]}/{part.path}".rstrip("/")
    return python if part == PYTHON else part
