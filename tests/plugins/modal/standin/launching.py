"""What a container is started with: its file system, its environment, its arguments.

Models mounts as layers over those of the image, volumes bound at their places, secrets in the environment, and the
arguments with which Modal's entrypoint is told what to run. A function that serves the web has a network of its own,
without a way out, not even to blobs; others have this machine's. Not modelled: network file systems, buckets,
proxies, tunnels.
"""

from collections.abc import Mapping
from pathlib import Path

from modal_proto import api_pb2

from .apps import Apps
from .enter import Spec
from .environments import NAME
from .functions import Function
from .images import Images
from .mounts import Mounts
from .secrets import Secrets
from .views import View
from .volumes import Volumes

INSIDE = "/__modal"  # where a container finds its arguments and its socket


class Launching:
    """Knows all that a container needs."""

    def __init__(self, apps: Apps, images: Images, mounts: Mounts, secrets: Secrets, volumes: Volumes) -> None:
        self._apps, self._images, self._mounts, self._secrets, self._volumes = apps, images, mounts, secrets, volumes

    def views(self, function: Function, folder: Path) -> dict[str, View]:
        """A container's views of its volumes, by the ids of these, in a folder."""
        return {
            mount.volume_id: View(self._volumes.get(mount.volume_id).path(mount.sub_path), folder / mount.volume_id)
            for mount in function.definition.volume_mounts
        }

    def spec(self, task: str, function: Function, inside: Path, views: Mapping[str, View]) -> Spec:
        """How to start a container.

        :param inside: the folder that it finds as `INSIDE`; the arguments are written there.
        """
        definition = function.definition
        image = self._images.get(definition.image_id)
        (inside / "arguments").write_bytes(self._arguments(task, function).SerializeToString())
        return Spec(
            argv=["python", "-m", "modal._container_entrypoint"],
            variables=image.variables | self._variables(task, definition),
            layers=[str(layer) for layer in [*map(self._mounts.layer, definition.mount_ids), *image.layers]],
            binds=[
                (str(inside), INSIDE, True),
                *(
                    (str(views[mount.volume_id].folder), mount.mount_path, mount.read_only)
                    for mount in definition.volume_mounts
                ),
            ],
            directory=image.directory,
            isolated=_serves_web(definition),
        )

    def _variables(self, task: str, definition: api_pb2.Function) -> dict[str, str]:
        return {
            "PYTHONPATH": "/root",
            **self._secrets.variables(definition.secret_ids),
            "MODAL_SERVER_URL": f"unix://{INSIDE}/socket",
            "MODAL_CONTAINER_ARGUMENTS_PATH": f"{INSIDE}/arguments",
            "MODAL_CONFIG_PATH": "/nonexistent",
            "MODAL_IS_REMOTE": "1",
            "MODAL_TASK_ID": task,
            "MODAL_IMAGE_ID": definition.image_id,
            "MODAL_ENVIRONMENT": NAME,
        }

    def _arguments(self, task: str, function: Function) -> api_pb2.ContainerArguments:
        layout = self._apps.layout(self._apps.get(function.app))
        layout.objects.extend(self._dependencies(function.definition))
        return api_pb2.ContainerArguments(
            task_id=task,
            function_id=function.id,
            app_id=function.app,
            function_def=function.definition,
            serialized_params=function.parameters,
            environment_name=NAME,
            app_layout=layout,
        )

    def _dependencies(self, definition: api_pb2.Function) -> list[api_pb2.Object]:
        """Every object that the function needs; the entrypoint fails without one of them."""
        volumes = {mount.volume_id for mount in definition.volume_mounts}
        others = {one.object_id for one in definition.object_dependencies} | {definition.image_id}
        return [
            *(api_pb2.Object(object_id=id, volume_metadata=self._volumes.get(id).metadata) for id in volumes),
            *(api_pb2.Object(object_id=id) for id in others - volumes),
        ]


def _serves_web(definition: api_pb2.Function) -> bool:
    methods = definition.method_definitions.values()
    return any(config.type for config in (definition.webhook_config, *(one.webhook_config for one in methods)))
