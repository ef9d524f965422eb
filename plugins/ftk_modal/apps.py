"""Deployed apps: one for each image with its GPUs and options, found by its name, which is made of all of these."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ftk.plugin import FtkError, files
from ftk_modal import driving, inside
from ftk_modal.images import Recipe
from ftk_modal.options import HOURS_24, Names, Options
from ftk_modal.troubles import told

if TYPE_CHECKING:
    import modal

DRIVER_CPU = 0.5
"""Cores; the driver waits most of the time."""


@dataclass(frozen=True)
class Site:
    """An app, deployed or not.

    :param recipe: its image.
    :param options: what its Functions ask for.
    :param names: the volumes.
    :param is_own: whether ftk itself is in the image, so that drivers work there.
    :param deployed: the app's name, where it is known to be there.
    """

    recipe: Recipe
    options: Options
    names: Names
    is_own: bool
    deployed: str | None = None

    @cached_property
    def name(self) -> str:
        """The app's name."""
        if self.deployed:
            return self.deployed
        asked = [self.on_cpu(), self.on_gpu(), *(self.options.block[key] for key in ("retries", "driver_memory"))]
        mounted = [self.names.runs, self.names.cache, dict(self.options.volumes)]
        return f"ftk-{self.recipe.name}-{files.sha256_of([self.recipe.digest, asked, mounted])[:12]}"

    def function(self, name: str) -> "modal.Function[..., Any, Any]":
        """A Function of the app.

        :raises FtkError: where the app is not deployed.
        """
        import modal
        import modal.exception

        with told():
            try:
                return modal.Function.from_name(self.name, name).hydrate()
            except modal.exception.NotFoundError:
                message = f"Modal does not have the app {self.name} any more"
                raise FtkError(message, "`ftk run --resume RUN` deploys it again") from None

    def deploy(self) -> None:
        """Deploy the app where it is missing. Clients do that, whose token allows it."""
        import modal
        import modal.exception

        with told():
            try:
                modal.Function.from_name(self.name, "execute").hydrate()
            except modal.exception.NotFoundError:
                print(f"Modal makes the image of {self.recipe.name}, once for its content", file=sys.stderr, flush=True)
                self.build().deploy()

    def build(self) -> "modal.App":
        """The app as it is deployed."""
        import modal

        app: Any = modal.App(self.name, image=self.recipe.image(), include_source=False)
        retries = modal.Retries(max_retries=self.options.block["retries"], initial_delay=0.0)
        shared = {"volumes": self.volumes(), "single_use_containers": True}
        app.function(name="execute", retries=retries, **shared, **self.on_cpu())(inside.execute)
        if self.options.gpus:
            app.function(name="execute_on_gpu", retries=retries, **shared, **self.on_gpu())(inside.execute_on_gpu)
        if self.is_own:
            driver = {"cpu": DRIVER_CPU, "memory": self.options.block["driver_memory"], "timeout": HOURS_24}
            most = modal.Retries(max_retries=10, initial_delay=0.0)
            app.function(name="drive", retries=most, **shared, **driver)(driving.drive)
            app.function(name="visit", **shared, **driver)(driving.visit)
        return app  # type: ignore[no-any-return]

    def on_cpu(self) -> dict[str, Any]:
        """What a Function without GPUs asks for."""
        return {"timeout": self.options.timeout, **self.options.machine()}

    def on_gpu(self) -> dict[str, Any]:
        """What one with GPUs asks for; nothing where none are wanted."""
        gpus = self.options.gpus
        return {"gpu": gpus[0] if len(gpus) == 1 else gpus, **self.on_cpu()} if gpus else {}

    @property
    def path(self) -> str | None:
        """The folder of the commands' interpreter, where that is not Modal's own."""
        return None if self.is_own else PurePosixPath(self.recipe.python).parent.as_posix()

    def volumes(self) -> Mapping[str, "modal.Volume"]:
        """The volumes by where they appear."""
        import modal

        names = {inside.RUNS: self.names.runs, inside.CACHE: self.names.cache}
        own = {path: modal.Volume.from_name(name, create_if_missing=True, version=2) for path, name in names.items()}
        return {**own, **{path: modal.Volume.from_name(name) for path, name in self.options.volumes.items()}}
