"""The subjects of the service, put together."""

from pathlib import Path

from .apps import Apps
from .blobs import Blobs
from .calls import Calls
from .changes import Changes
from .containers import Containers
from .functions import Functions
from .images import Images
from .launching import Launching
from .logs import Logs
from .mounts import Mounts
from .record import Record
from .secrets import Secrets
from .volumes import Volumes
from .web import Web
from .work import Work


class Subjects:
    """All subjects of the service, knowing each other.

    :param layers: a folder for the layers of file systems, on a file system of its own.
    """

    def __init__(self, folder: Path, layers: Path, record: Record) -> None:
        self.changes, self.secrets, self.functions = Changes(), Secrets(), Functions()
        self.logs, self.blobs = Logs(self.changes), Blobs(folder, record)
        self.mounts = Mounts(folder, layers, self.blobs)
        self.volumes = Volumes(folder, self.blobs, self.mounts)
        self.images = Images(folder / "builds", layers, self.mounts, self.secrets, self.changes)
        self.apps, self.calls = Apps(self.functions), Calls(self.functions, self.changes)
        launching = Launching(self.apps, self.images, self.mounts, self.secrets, self.volumes)
        tasks = folder / "tasks"
        self.containers = Containers(tasks, launching, self.apps, self.calls, self.logs, self.changes)
        self.work = Work(self.containers, self.calls, self.changes)
        self.web = Web(self.calls, self.changes)
        self._connect()

    def _connect(self) -> None:
        """Tell those of each other that could not be made one after the other."""
        self.functions.web_url = self.web.url
        self.calls.wake, self.calls.stop_input = self.containers.wake, self.containers.stop_input
        self.apps.published, self.apps.stop_app = self.containers.published, self.containers.stop_app
        self.apps.count_tasks = lambda app: len(self.containers.of_app(app))
        self.logs.app_done = self.apps.done
