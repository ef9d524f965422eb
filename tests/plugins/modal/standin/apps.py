"""Apps: running, detached and deployed ones.

Models their creation, publication under a name, layout, lookup, listing and stopping; a deployment that is repeated
lets old containers end after what they work on. An app without detaching stops when its client says goodbye; that of
a client that was killed stays (the service notices after a while, since the heartbeats end). Not modelled: versions
and rollbacks.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from .environments import NAME
from .errors import not_found
from .functions import Function, Functions
from .ids import new_id

STOPPED = api_pb2.APP_STATE_STOPPED


@dataclass
class App:
    """An app.

    :param name: empty if it is not deployed.
    :param functions: ids by tag, as published.
    """

    description: str
    state: int
    id: str = field(default_factory=lambda: new_id("ap"))
    name: str = ""
    functions: dict[str, str] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    created: float = field(default_factory=time.time)
    deployed: float = 0
    stopped: float = 0

    @property
    def is_deployed(self) -> bool:
        """Whether it has a name, under which others find it."""
        return self.state == api_pb2.APP_STATE_DEPLOYED

    @property
    def lifecycle(self) -> api_pb2.AppLifecycle:
        """When it began, was deployed and ended."""
        return api_pb2.AppLifecycle(
            app_state=self.state,
            created_at=self.created,
            deployed_at=self.deployed,
            stopped_at=self.stopped,
            version=1,
        )


class Apps:
    """All apps, by id.

    :param stop_app: asked to end what an app, by id, has running.
    :param published: told of an app, by id, that was published.
    :param count_tasks: the number of containers of an app, by id.
    """

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._apps: dict[str, App] = {}
        self.stop_app: Callable[[str], None] = lambda app: None
        self.published: Callable[[str], None] = lambda app: None
        self.count_tasks: Callable[[str], int] = lambda app: 0

    def get(self, id: str) -> App:
        """:raise GRPCError: there is none."""
        if id not in self._apps:
            raise not_found(f"App {id}")
        return self._apps[id]

    def deployed(self, name: str) -> App | None:
        """The app that is deployed under a name."""
        return next((one for one in self._apps.values() if one.name == name and one.state != STOPPED), None)

    def done(self, id: str) -> bool:
        """Whether an app is stopped, and nothing of it runs."""
        return self.get(id).state == STOPPED and self.count_tasks(id) == 0

    def layout(self, app: App) -> api_pb2.AppLayout:
        """The functions and classes of an app."""
        objects = [
            api_pb2.Object(object_id=one.id, function_handle_metadata=one.metadata)
            for one in self._functions.of_app(app.id)
        ]
        for id in app.classes.values():
            objects.append(api_pb2.Object(object_id=id, class_handle_metadata=api_pb2.ClassHandleMetadata()))
        return api_pb2.AppLayout(objects=objects, function_ids=app.functions, class_ids=app.classes)

    def _stop(self, app: App) -> Empty:
        if app.state != STOPPED:
            app.state, app.stopped = STOPPED, time.time()
            self.stop_app(app.id)
        return Empty()

    async def AppCreate(self, request: api_pb2.AppCreateRequest, caller: str) -> api_pb2.AppCreateResponse:
        app = App(request.description, request.app_state, tags=dict(request.tags))
        self._apps[app.id] = app
        return api_pb2.AppCreateResponse(app_id=app.id, app_page_url=_page(app), app_logs_url=f"{_page(app)}/logs")

    async def AppPublish(self, request: api_pb2.AppPublishRequest, caller: str) -> api_pb2.AppPublishResponse:
        app = self.get(request.app_id)
        app.functions, app.classes = dict(request.function_ids), dict(request.class_ids)
        if request.app_state:
            app.state = request.app_state
        if request.app_state == api_pb2.APP_STATE_DEPLOYED:
            app.name, app.deployed = request.name, time.time()
        self.published(app.id)
        return api_pb2.AppPublishResponse(
            url=f"https://modal.com/apps/standin/{NAME}/{app.id}", deployed_at=time.time()
        )

    async def AppGetByDeploymentName(
        self, request: api_pb2.AppGetByDeploymentNameRequest, caller: str
    ) -> api_pb2.AppGetByDeploymentNameResponse:
        if app := self.deployed(request.name):
            return api_pb2.AppGetByDeploymentNameResponse(app_id=app.id, environment_name=NAME, lifecycle=app.lifecycle)
        return api_pb2.AppGetByDeploymentNameResponse()

    async def AppGetOrCreate(
        self, request: api_pb2.AppGetOrCreateRequest, caller: str
    ) -> api_pb2.AppGetOrCreateResponse:
        app = self._apps.get(request.app_name) or self.deployed(request.app_name)
        if app is None:
            if request.object_creation_type != api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING:
                raise not_found(f"App '{request.app_name}'")
            app = App(request.app_name, api_pb2.APP_STATE_DEPLOYED, name=request.app_name, deployed=time.time())
            self._apps[app.id] = app
        metadata = api_pb2.AppHandleMetadata(
            description=app.description, app_id=app.id, environment_name=NAME, lifecycle=app.lifecycle
        )
        return api_pb2.AppGetOrCreateResponse(app_id=app.id, handle_metadata=metadata)

    async def AppGetLayout(self, request: api_pb2.AppGetLayoutRequest, caller: str) -> api_pb2.AppGetLayoutResponse:
        return api_pb2.AppGetLayoutResponse(app_layout=self.layout(self.get(request.app_id)))

    async def AppGetLifecycle(
        self, request: api_pb2.AppGetLifecycleRequest, caller: str
    ) -> api_pb2.AppGetLifecycleResponse:
        return api_pb2.AppGetLifecycleResponse(lifecycle=self.get(request.app_id).lifecycle)

    async def AppList(self, request: api_pb2.AppListRequest, caller: str) -> api_pb2.AppListResponse:
        items = [
            api_pb2.AppListResponse.AppListItem(
                app_id=one.id,
                description=one.description,
                state=one.state,
                created_at=one.created,
                stopped_at=one.stopped,
                n_running_tasks=self.count_tasks(one.id),
                name=one.name,
            )
            for one in self._apps.values()
        ]
        return api_pb2.AppListResponse(apps=items)

    async def AppHeartbeat(self, request: api_pb2.AppHeartbeatRequest, caller: str) -> Empty:
        return Empty()

    async def AppClientDisconnect(self, request: api_pb2.AppClientDisconnectRequest, caller: str) -> Empty:
        app = self.get(request.app_id)
        return (
            self._stop(app) if app.state in (api_pb2.APP_STATE_EPHEMERAL, api_pb2.APP_STATE_INITIALIZING) else Empty()
        )

    async def AppStop(self, request: api_pb2.AppStopRequest, caller: str) -> Empty:
        return self._stop(self.get(request.app_id))

    async def AppGetTags(self, request: api_pb2.AppGetTagsRequest, caller: str) -> api_pb2.AppGetTagsResponse:
        return api_pb2.AppGetTagsResponse(tags=self.get(request.app_id).tags)

    async def AppSetTags(self, request: api_pb2.AppSetTagsRequest, caller: str) -> Empty:
        self.get(request.app_id).tags = dict(request.tags)
        return Empty()

    async def FunctionGet(self, request: api_pb2.FunctionGetRequest, caller: str) -> api_pb2.FunctionGetResponse:
        found = self._find(request.app_name, request.object_tag)
        return api_pb2.FunctionGetResponse(function_id=found.id, handle_metadata=found.metadata, function=found.data)

    async def ClassGet(self, request: api_pb2.ClassGetRequest, caller: str) -> api_pb2.ClassGetResponse:
        app = self.deployed(request.app_name)
        if app is None or request.object_tag not in app.classes:
            raise not_found(f"Class {request.app_name}/{request.object_tag}")
        metadata = api_pb2.ClassHandleMetadata()
        return api_pb2.ClassGetResponse(class_id=app.classes[request.object_tag], handle_metadata=metadata)

    def _find(self, name: str, tag: str) -> Function:
        app = self.deployed(name)
        if app is None:
            raise GRPCError(Status.NOT_FOUND, f"App '{name}' not found in environment '{NAME}'")
        if tag not in app.functions:
            raise not_found(f"Function {name}/{tag}")
        return self._functions.get(app.functions[tag])


def _page(app: App) -> str:
    return f"https://modal.com/apps/standin/{NAME}/{app.id}"
