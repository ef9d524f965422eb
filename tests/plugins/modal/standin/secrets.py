"""Secrets: variables that containers find in their environment.

Models secrets with a name, and those that an app makes from a mapping; required keys; listing and deletion. Their
values are kept in memory alone.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from .environments import NAME
from .errors import not_found
from .ids import new_id


@dataclass
class Secret:
    """A secret. :param name: empty if an app made it."""

    name: str
    values: dict[str, str]
    id: str = field(default_factory=lambda: new_id("st"))
    created: float = field(default_factory=time.time)

    @property
    def metadata(self) -> api_pb2.SecretMetadata:
        """What a client is told: no values."""
        creation = api_pb2.CreationInfo(created_at=self.created)
        return api_pb2.SecretMetadata(
            name=self.name, keys=sorted(self.values), environment_name=NAME, creation_info=creation
        )


class Secrets:
    """All secrets, by id."""

    def __init__(self) -> None:
        self._secrets: dict[str, Secret] = {}

    def variables(self, ids: Iterable[str]) -> dict[str, str]:
        """What the secrets with these ids put into an environment; later ones win."""
        return {name: value for id in ids for name, value in self.get(id).values.items()}

    def get(self, id: str) -> Secret:
        """:raise GRPCError: there is none."""
        if id not in self._secrets:
            raise not_found(f"Secret {id}")
        return self._secrets[id]

    def find(self, name: str) -> Secret | None:
        """The secret with a name."""
        return next((secret for secret in self._secrets.values() if name and secret.name == name), None)

    def put(self, name: str, values: dict[str, str]) -> Secret:
        """Make a secret, in the place of the one that has the name."""
        if old := self.find(name):
            old.values = values
            return old
        secret = Secret(name, values)
        self._secrets[secret.id] = secret
        return secret

    def delete(self, name: str) -> None:
        """Forget a secret."""
        if secret := self.find(name):
            del self._secrets[secret.id]

    async def SecretGetOrCreate(
        self, request: api_pb2.SecretGetOrCreateRequest, caller: str
    ) -> api_pb2.SecretGetOrCreateResponse:
        secret = self.find(request.deployment_name)
        kind = request.object_creation_type
        if kind == api_pb2.OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS and secret:
            raise GRPCError(Status.ALREADY_EXISTS, f"Secret '{request.deployment_name}' already exists")
        if kind == api_pb2.OBJECT_CREATION_TYPE_UNSPECIFIED or (
            kind == api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING and secret
        ):
            if secret is None:
                raise not_found(f"Secret '{request.deployment_name}'")
        else:
            secret = self.put(request.deployment_name, dict(request.env_dict))
        if missing := set(request.required_keys) - set(secret.values):
            raise GRPCError(Status.FAILED_PRECONDITION, f"Secret is missing key(s): {', '.join(sorted(missing))}")
        return api_pb2.SecretGetOrCreateResponse(secret_id=secret.id, metadata=secret.metadata)

    async def SecretGetInfo(self, request: api_pb2.SecretGetInfoRequest, caller: str) -> api_pb2.SecretGetInfoResponse:
        return api_pb2.SecretGetInfoResponse(metadata=self.get(request.secret_id).metadata)

    async def SecretList(self, request: api_pb2.SecretListRequest, caller: str) -> api_pb2.SecretListResponse:
        items = [
            api_pb2.SecretListItem(label=one.name, secret_id=one.id, created_at=one.created, metadata=one.metadata)
            for one in self._secrets.values()
            if one.name
        ]
        return api_pb2.SecretListResponse(items=items, environment_name=NAME)

    async def SecretDelete(self, request: api_pb2.SecretDeleteRequest, caller: str) -> Empty:
        self.get(request.secret_id)
        del self._secrets[request.secret_id]
        return Empty()
