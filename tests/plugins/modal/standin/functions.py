"""Functions and classes: what was defined, and variants of it with other options or parameters.

Models creation and lookup, classes with parameters, `with_options`, lists of GPUs (the first is taken), and the URLs
of web functions. Resources, regions, clouds and the like are kept in the definition, and have no effect: everything
runs on this machine. Not modelled: schedules, clusters, servers (`modal.server`), memory snapshots.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from modal_proto import api_pb2

from .errors import not_found
from .ids import new_id

Metadata = api_pb2.FunctionHandleMetadata


@dataclass
class Function:
    """A function, the function of a class, or a variant of one.

    :param definition: what runs.
    :param data: the same as clients know it.
    :param parameters: those of a class, in bytes as the client made them.
    :param base: the id of what it is a variant of; else its own.
    """

    id: str
    app: str
    definition: api_pb2.Function
    data: api_pb2.FunctionData
    metadata: Metadata
    base: str
    parameters: bytes = b""


class Functions:
    """All functions and classes, by id.

    :param web_url: makes the URL for a function and a method (empty without a class) that serve the web.
    """

    def __init__(self) -> None:
        self._functions: dict[str, Function] = {}
        self.web_url: Callable[[str, str, api_pb2.WebhookConfig], str] = lambda function, method, config: ""

    def get(self, id: str) -> Function:
        """:raise GRPCError: there is none."""
        if id not in self._functions:
            raise not_found(f"Function {id}")
        return self._functions[id]

    def of_app(self, app: str) -> list[Function]:
        """Those of an app, without variants."""
        return [one for one in self._functions.values() if one.app == app and one.base == one.id]

    async def FunctionPrecreate(
        self, request: api_pb2.FunctionPrecreateRequest, caller: str
    ) -> api_pb2.FunctionPrecreateResponse:
        id = request.existing_function_id or new_id("fu")
        return api_pb2.FunctionPrecreateResponse(function_id=id, handle_metadata=self._metadata(id, request))

    async def FunctionCreate(
        self, request: api_pb2.FunctionCreateRequest, caller: str
    ) -> api_pb2.FunctionCreateResponse:
        id = request.existing_function_id or new_id("fu")
        data = request.function_data if request.HasField("function_data") else _data_of(request.function)
        definition = data.ranked_functions[0].function
        metadata = self._metadata(id, data)
        metadata.app_id = request.app_id
        data.web_url = metadata.web_url
        for name, method in metadata.method_handle_metadata.items():
            data.method_definitions[name].web_url = method.web_url
        self._functions[id] = Function(id, request.app_id, definition, data, metadata, base=id)
        return api_pb2.FunctionCreateResponse(
            function_id=id, function=definition, function_data=data, handle_metadata=metadata
        )

    def _metadata(self, id: str, source: api_pb2.FunctionPrecreateRequest | api_pb2.FunctionData) -> Metadata:
        metadata = Metadata(
            function_name=source.function_name,
            function_type=source.function_type,
            function_schema=source.function_schema,
            supported_input_formats=source.supported_input_formats,
            supported_output_formats=source.supported_output_formats,
            definition_id=new_id("de"),
        )
        if isinstance(source, api_pb2.FunctionData):
            metadata.class_parameter_info.CopyFrom(source.class_parameter_info)
        if source.webhook_config.type:
            metadata.web_url = self.web_url(id, "", source.webhook_config)
        for name, method in source.method_definitions.items():
            metadata.method_handle_metadata[name].CopyFrom(self._method(id, name, method))
        return metadata

    def _method(self, id: str, name: str, method: api_pb2.MethodDefinition) -> Metadata:
        web = method.webhook_config
        return Metadata(
            function_name=method.function_name,
            function_type=method.function_type,
            function_schema=method.function_schema,
            supported_input_formats=method.supported_input_formats,
            supported_output_formats=method.supported_output_formats,
            is_method=True,
            use_method_name=name,
            web_url=self.web_url(id, name, web) if web.type else "",
        )

    async def FunctionBindParams(
        self, request: api_pb2.FunctionBindParamsRequest, caller: str
    ) -> api_pb2.FunctionBindParamsResponse:
        base = self.get(request.function_id)
        variant = hashlib.sha256(base.id.encode() + request.SerializeToString(deterministic=True)).hexdigest()
        id = f"fu-{variant[:22]}"
        definition, metadata = api_pb2.Function(), Metadata()
        definition.CopyFrom(base.definition)
        metadata.CopyFrom(base.metadata)
        metadata.base_function_id = base.id
        _apply(request.function_options, definition)
        parameters = request.serialized_params
        self._functions[id] = Function(id, base.app, definition, base.data, metadata, base.id, parameters)
        return api_pb2.FunctionBindParamsResponse(bound_function_id=id, handle_metadata=metadata)

    async def FunctionGetById(
        self, request: api_pb2.FunctionGetByIdRequest, caller: str
    ) -> api_pb2.FunctionGetByIdResponse:
        found = self.get(request.function_id)
        return api_pb2.FunctionGetByIdResponse(function=found.data, handle_metadata=found.metadata)

    async def FunctionUpdateSchedulingParams(
        self, request: api_pb2.FunctionUpdateSchedulingParamsRequest, caller: str
    ) -> api_pb2.FunctionUpdateSchedulingParamsResponse:
        settings = self.get(request.function_id).definition.autoscaler_settings
        settings.MergeFrom(request.settings)
        return api_pb2.FunctionUpdateSchedulingParamsResponse(current_settings=settings)

    async def ClassCreate(self, request: api_pb2.ClassCreateRequest, caller: str) -> api_pb2.ClassCreateResponse:
        return api_pb2.ClassCreateResponse(
            class_id=request.existing_class_id or new_id("cs"), handle_metadata=api_pb2.ClassHandleMetadata()
        )


def _data_of(definition: api_pb2.Function) -> api_pb2.FunctionData:
    """What clients know of a function that was defined without a list of GPUs."""
    data = api_pb2.FunctionData()
    for field, value in definition.ListFields():
        if field.name not in data.DESCRIPTOR.fields_by_name:
            continue
        if isinstance(value, str | bytes | bool | int | float):
            setattr(data, field.name, value)
        elif field.message_type and field.message_type.GetOptions().map_entry:
            _copy_map(value, getattr(data, field.name))
        else:
            getattr(data, field.name).MergeFrom(value)
    data.ranked_functions.add(rank=0, function=definition)
    return data


def _copy_map(source: "dict[str, object]", target: "dict[str, object]") -> None:
    for key, value in source.items():
        if isinstance(value, str):
            target[key] = value
        else:
            target[key].CopyFrom(value)


def _apply(options: api_pb2.FunctionOptions, definition: api_pb2.Function) -> None:
    """Change a definition as options tell; those that aren't set change nothing."""
    if options.replace_secret_ids:
        del definition.secret_ids[:]
    if options.replace_volume_mounts:
        del definition.volume_mounts[:]
    definition.secret_ids.extend(options.secret_ids)
    definition.volume_mounts.extend(options.volume_mounts)
    for name in ("resources", "retry_policy", "scheduler_placement"):
        if options.HasField(name):
            getattr(definition, name).CopyFrom(getattr(options, name))
    for name in ("timeout_secs", "max_concurrent_inputs", "target_concurrent_inputs", "cloud_provider_str"):
        if options.HasField(name):
            setattr(definition, name, getattr(options, name))
    scaling = {
        "min_containers": "warm_pool_size",
        "max_containers": "concurrency_limit",
        "buffer_containers": "buffer_containers",
        "scaledown_window": "task_idle_timeout_secs",
    }
    for name, option in scaling.items():
        if options.HasField(option):
            setattr(definition.autoscaler_settings, name, getattr(options, option))
