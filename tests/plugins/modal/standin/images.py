"""Images: layers over this machine's root, made by really running their commands.

Models `RUN`, `COPY`, `ENV` and `WORKDIR` on an image: each image is one layer on that of its base, made once for the
same content. So packages are really installed, into the environment of this interpreter as the container sees it. A
base image (whatever has none below it: `debian_slim`, a registry's) is recorded, and its `ENV` and `WORKDIR` are
taken, but its other commands are not run: in its place is this machine, with this interpreter and its packages.
Neither is `apt-get` run, and the uv that the client copies from its own image is this environment's. Not modelled:
`run_function`, GPUs and volumes while building.
"""

import asyncio
import hashlib
import os
import re
import shlex
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from grpclib import GRPCError
from modal_proto import api_pb2

from . import boxes
from .changes import Changes
from .enter import Spec
from .environments import BUILDER_VERSION
from .errors import not_found
from .ids import new_id
from .mounts import Mounts
from .secrets import Secrets

Result = api_pb2.GenericResult


@dataclass
class Image:
    """An image.

    :param layers: folders from the top down.
    :param result: how its building went; None while it is not ended.
    """

    definition: api_pb2.Image
    layers: list[Path]
    variables: dict[str, str]
    directory: str
    id: str = field(default_factory=lambda: new_id("im"))
    output: str = ""
    result: Result | None = None

    @property
    def metadata(self) -> api_pb2.ImageMetadata:
        """What a client is told."""
        python = ".".join(map(str, sys.version_info[:3]))
        return api_pb2.ImageMetadata(
            python_version_info=f"Python {python}", image_builder_version=BUILDER_VERSION, workdir=self.directory
        )


class Images:
    """All images.

    :param layers: the folder for layers.
    """

    def __init__(self, folder: Path, layers: Path, mounts: Mounts, secrets: Secrets, changes: Changes) -> None:
        self._folder, self._layers, self._changes = folder, layers, changes
        self._mounts, self._secrets = mounts, secrets
        self._base = layers / "base"
        self._base.mkdir()
        boxes.make_base_layer(self._base)
        self._images: dict[str, Image] = {}
        self._by_content: dict[str, Image] = {}
        self._building: set[asyncio.Task[None]] = set()

    def all(self) -> list[Image]:
        """In the order of their making."""
        return list(self._images.values())

    def get(self, id: str) -> Image:
        """:raise GRPCError: there is none."""
        if id not in self._images:
            raise not_found(f"Image {id}")
        return self._images[id]

    async def ImageGetOrCreate(
        self, request: api_pb2.ImageGetOrCreateRequest, caller: str
    ) -> api_pb2.ImageGetOrCreateResponse:
        content = self._content(request.image)
        image = self._by_content.get(content)
        failed = image and image.result and image.result.status != Result.GENERIC_STATUS_SUCCESS
        if image is None or failed or request.force_build:
            image = self._begin(request.image)
            self._by_content[content] = image
        return api_pb2.ImageGetOrCreateResponse(image_id=image.id, result=image.result, metadata=image.metadata)

    def _content(self, definition: api_pb2.Image) -> str:
        """What makes an image what it is: its definition, with the content of its mount in the place of the id."""
        copy = api_pb2.Image()
        copy.CopyFrom(definition)
        if copy.context_mount_id:
            copy.context_mount_id = self._mounts.checksum(copy.context_mount_id)
        return hashlib.sha256(copy.SerializeToString(deterministic=True)).hexdigest()

    def _begin(self, definition: api_pb2.Image) -> Image:
        below = [self.get(base.image_id) for base in definition.base_images]
        layers = below[0].layers if below else [self._base]
        variables = dict(below[0].variables) if below else boxes.variables()
        image = Image(definition, layers, variables, below[0].directory if below else "/root")
        self._images[image.id] = image
        task = asyncio.create_task(self._build(image, is_base=not below))
        self._building.add(task)
        task.add_done_callback(self._building.discard)
        return image

    async def _build(self, image: Image, is_base: bool) -> None:
        result = Result(status=Result.GENERIC_STATUS_SUCCESS)
        layer = self._layers / image.id
        layer.mkdir()
        image.layers = [layer, *image.layers]
        try:
            if image.definition.HasField("build_function"):
                raise BuildError("the stand-in does not model run_function")
            for instruction, text in _instructions(image.definition.dockerfile_commands):
                await self._take(image, layer, instruction, text, is_base)
        except (BuildError, GRPCError, OSError) as error:
            result = Result(status=Result.GENERIC_STATUS_FAILURE, exception=str(error))
        image.result = result
        self._changes.announce()

    async def _take(self, image: Image, layer: Path, instruction: str, text: str, is_base: bool) -> None:
        if instruction == "ENV":
            image.variables |= dict(_assignments(text))
        elif instruction == "WORKDIR":
            image.directory = str(Path(image.directory) / text)
        elif instruction == "COPY" and not is_base:
            self._copy(image, layer, text)
        elif instruction == "RUN" and not is_base and not text.startswith("apt-get"):
            await self._run(image, layer, text)

    def _copy(self, image: Image, layer: Path, text: str) -> None:
        *sources, target = [word for word in shlex.split(text) if not word.startswith("--")]
        place = layer / str(Path(image.directory) / target).lstrip("/")
        if "--from=ghcr.io/astral-sh/uv" in text:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(Path(sys.executable).with_name("uv"))
            return
        contexts = {file.filename.lstrip("/"): file.data for file in image.definition.context_files}
        for source in sources:
            if (name := source.lstrip("/")) in contexts:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(contexts[name])
                continue
            found = self._mounts.layer(image.definition.context_mount_id) / name
            if found.is_dir():
                shutil.copytree(found, place, dirs_exist_ok=True)
            elif found.is_file():
                place = place / found.name if target.endswith("/") or place.is_dir() else place
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(found, place)
            else:
                raise BuildError(f"COPY {text}: there is no {source}")

    async def _run(self, image: Image, layer: Path, command: str) -> None:
        secrets = self._secrets.variables(image.definition.secret_ids)
        variables = _of_builder() | image.variables | dict(image.definition.build_args) | secrets
        spec = Spec(
            argv=["/bin/sh", "-c", f"exec 2>&1; {command}"],
            variables=variables,
            layers=[str(one) for one in image.layers[1:]],
            upper=str(layer),
            directory=image.directory,
        )
        process = (await boxes.start(self._folder / new_id("bu"), spec)).process
        assert process.stdout and process.stderr
        image.output += f"=> RUN {command}\n"
        while data := await process.stdout.read(1 << 16):
            image.output += data.decode(errors="replace")
            self._changes.announce()
        if status := await process.wait():
            problem = (await process.stderr.read()).decode(errors="replace")
            raise BuildError(f"RUN {command}: exit status {status}\n{problem}{image.output[-2000:]}")

    async def ImageJoinStreaming(
        self, request: api_pb2.ImageJoinStreamingRequest, caller: str
    ) -> AsyncIterator[api_pb2.ImageJoinStreamingResponse]:
        image = self.get(request.image_id)
        sent = int(request.last_entry_id or 0)
        while True:
            await self._changes.until(lambda seen=sent: image.result or len(image.output) > seen, request.timeout)
            data, sent = image.output[sent:], len(image.output)
            logs = [api_pb2.TaskLogs(data=data, file_descriptor=api_pb2.FILE_DESCRIPTOR_STDOUT)] if data else []
            yield api_pb2.ImageJoinStreamingResponse(
                task_logs=logs, entry_id=str(sent), result=image.result, metadata=image.metadata, eof=bool(image.result)
            )
            if image.result or not data:
                return


class BuildError(Exception):
    """A command of an image failed."""


def _instructions(commands: "list[str]") -> Iterator[tuple[str, str]]:
    """The instructions of a Dockerfile, whose lines may go on after a backslash."""
    for line in re.sub(r"\\\n", " ", "\n".join(commands)).splitlines():
        instruction, _, text = line.strip().partition(" ")
        if instruction and not instruction.startswith("#"):
            yield instruction.upper(), text.strip()


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    for word in shlex.split(text):
        name, _, value = word.partition("=")
        yield name, value


def _of_builder() -> dict[str, str]:
    """Settings of this machine that the building of images needs: of pip, uv, and of the way to their registries."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PIP_", "UV_", "SSL_")) or name.lower().endswith("_proxy")
    }
    return {"PIP_NO_CACHE_DIR": "1", "PIP_ROOT_USER_ACTION": "ignore", "UV_NO_CACHE": "1", **kept}
