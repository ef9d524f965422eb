"""The workspace: its environments, its token, its greeting.

Models one workspace with one environment, `main`, and what the client asks of them. Not modelled: further
environments, members, roles, limits.
"""

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from .errors import not_found
from .ids import new_id

NAME = "main"
BUILDER_VERSION = "2025.06"


class Environments:
    """The environments of the workspace."""

    def __init__(self) -> None:
        self._id = new_id("en")

    async def ClientHello(self, request: Empty, caller: str) -> api_pb2.ClientHelloResponse:
        return api_pb2.ClientHelloResponse(image_builder_version=BUILDER_VERSION)

    async def EnvironmentGetOrCreate(
        self, request: api_pb2.EnvironmentGetOrCreateRequest, caller: str
    ) -> api_pb2.EnvironmentGetOrCreateResponse:
        if request.deployment_name not in ("", NAME):
            raise not_found(f"Environment '{request.deployment_name}'")
        settings = api_pb2.EnvironmentSettings(image_builder_version=BUILDER_VERSION)
        metadata = api_pb2.EnvironmentMetadata(name=NAME, settings=settings)
        return api_pb2.EnvironmentGetOrCreateResponse(environment_id=self._id, metadata=metadata)

    async def EnvironmentList(self, request: Empty, caller: str) -> api_pb2.EnvironmentListResponse:
        item = api_pb2.EnvironmentListItem(name=NAME, default=True, environment_id=self._id)
        return api_pb2.EnvironmentListResponse(items=[item])

    async def WorkspaceNameLookup(self, request: Empty, caller: str) -> api_pb2.WorkspaceNameLookupResponse:
        return api_pb2.WorkspaceNameLookupResponse(workspace_name="standin", username="standin")

    async def TokenInfoGet(self, request: api_pb2.TokenInfoGetRequest, caller: str) -> api_pb2.TokenInfoGetResponse:
        return api_pb2.TokenInfoGetResponse(workspace_name="standin", token_name="standin")

    async def AuthTokenGet(self, request: api_pb2.AuthTokenGetRequest, caller: str) -> api_pb2.AuthTokenGetResponse:
        return api_pb2.AuthTokenGetResponse(token="standin")
