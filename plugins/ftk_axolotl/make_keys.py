"""Makes keys.json from the axolotl that runs this file: `/path/to/axolotl/python make_keys.py > keys.json`.

What comes out is what axolotl's own validation knows, in a form that ftk's checks understand: references are resolved,
choices between plain types are lists of types; defaults are left out, since axolotl fills them in itself, and so are
its texts.
"""

import json
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

PLAIN = ("type", "enum", "const", "items", "properties", "required", "additionalProperties", "pattern")
"""What is kept of a schema, beside the bounds of numbers and the choices."""

BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems")

OWNED_BY_FTK = ("datasets", "test_datasets", "pretraining_dataset", "base_model", "revision_of_model")
"""Keys of other stages, or ones that would leave the data that ftk has staged unread."""

INTEGRATIONS = (
    "cut_cross_entropy.CutCrossEntropyArgs",
    "densemixer.args.DenseMixerArgs",
    "diffusion.DiffusionArgs",
    "expert_parallel.ExpertParallelArgs",
    "grokfast.GrokfastArgs",
    "hatchery.args.HatcheryArgs",
    "kd.KDArgs",
    "kernels.KernelsArgs",
    "liger.LigerArgs",
    "lm_eval.args.LMEvalArgs",
    "mora.MoraArgs",
    "nemo_gym.args.NemoGymArgs",
    "spectrum.SpectrumArgs",
    "swanlab.args.SwanLabConfig",
)
"""The keys that axolotl's own plugins add, by the classes which axolotl itself reads them from."""


def simplified(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """A schema without references, titles and defaults."""
    if "$ref" in schema:
        return simplified(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if len(schema.get("allOf", ())) == 1:
        return simplified({**schema["allOf"][0], **_without(schema, "allOf")}, definitions)
    result = {name: schema[name] for name in (*PLAIN, *BOUNDS) if name in schema}
    if isinstance(result.get("items"), Mapping):
        result["items"] = simplified(result["items"], definitions)
    if "properties" in result:
        result["properties"] = {key: simplified(item, definitions) for key, item in result["properties"].items()}
        # axolotl drops an inner key that it does not know, without a word.
        result.setdefault("additionalProperties", False)
    if "anyOf" in schema:
        result |= _joined([simplified(item, definitions) for item in schema["anyOf"]])
    return result


def _without(schema: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != name}


def _joined(choices: list[dict[str, Any]]) -> dict[str, Any]:
    """One schema for a choice of several, as plain as it can be."""
    if any(not item for item in choices):
        return {}
    nullable = {"type": "null"} in choices
    others = [item for item in choices if item != {"type": "null"}]
    if all(set(item) == {"type"} for item in others):
        kinds = [item["type"] for item in others]
        return {"type": list(dict.fromkeys([*kinds, *["null"] * nullable]))}
    if len(others) == 1 and nullable:
        return _nullable(others[0])
    return {"anyOf": choices}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if "enum" in schema:
        return {**_without(schema, "type"), "enum": [*schema["enum"], None]}
    if "anyOf" in schema:
        return {"anyOf": [*schema["anyOf"], {"type": "null"}]}
    kinds = schema["type"] if isinstance(schema.get("type"), list) else [schema["type"]]
    return {**schema, "type": [*kinds, "null"]}


def properties(model: Any) -> dict[str, Any]:
    """The simplified schema of each field of a pydantic model."""
    import torch
    from pydantic.json_schema import GenerateJsonSchema

    class Generator(GenerateJsonSchema):
        """axolotl has fields of torch's types, for which there is no JSON."""

        def enum_schema(self, schema: Any) -> dict[str, Any]:
            if any(isinstance(member.value, torch.dtype) for member in schema["members"]):
                return {"enum": [member.name for member in schema["members"]]}
            return super().enum_schema(schema)

        def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> dict[str, Any]:
            return {}

    found: dict[str, Any] = {}
    for by_alias in (True, False):  # axolotl reads a renamed key by both names
        whole = model.model_json_schema(by_alias=by_alias, schema_generator=Generator)
        found |= {name: simplified(item, whole.get("$defs", {})) for name, item in whole["properties"].items()}
    return found


def main() -> None:
    """Print the schema of every key, one a line, in the order of the alphabet."""
    from axolotl.utils.schemas.config import AxolotlInputConfig

    keys: dict[str, Any] = {}
    for integration in INTEGRATIONS:
        module, _, name = f"axolotl.integrations.{integration}".rpartition(".")
        keys |= properties(getattr(import_module(module), name))
    keys |= properties(AxolotlInputConfig)
    lines = [f"{json.dumps(name)}: {json.dumps(keys[name])}" for name in sorted(keys) if name not in OWNED_BY_FTK]
    sys.stdout.write("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
