"""The keys of axolotl: all of them, with schemas that a config is checked by."""

import pytest
from jsonschema import Draft202012Validator

from ftk_axolotl.keys import ALL, REWRITTEN, SETTING_KEYS, TRAINING_KEYS


def test_every_schema_is_one() -> None:
    for key, schema in ALL.items():
        Draft202012Validator.check_schema(dict(schema))
        assert "$ref" not in str(schema), key


def test_no_default_is_invented() -> None:
    assert [key for key, schema in ALL.items() if "default" in schema] == ["output_dir"]


def test_settings_are_keys_too() -> None:
    assert set(SETTING_KEYS) | set(TRAINING_KEYS) == set(ALL)
    assert not set(SETTING_KEYS) & set(TRAINING_KEYS)


def test_rewritten_keys_are_axolotls_or_the_datas() -> None:
    assert set(REWRITTEN) - set(ALL) == {"datasets", "test_datasets"}


def test_keys_of_ftks_loggers_are_left_to_them() -> None:
    assert not [key for key in ALL if key.startswith(("wandb_", "mlflow_"))]
    assert "comet_project_name" in ALL


@pytest.mark.parametrize(
    ("key", "value", "fits"),
    [
        ("learning_rate", "1e-4", True),
        ("learning_rate", [1], False),
        ("deepspeed", "zero2", True),
        ("deepspeed", {"zero_optimization": {"stage": 2}}, True),
        ("deepspeed", None, True),
        ("lora_r", "many", False),
        ("rl", "dpo", True),
        ("rl", "dop", False),
        ("special_tokens", {"pad_tokn": "x"}, False),
        ("liger_rope", True, True),
        ("swanlab_project", "x", True),
        ("overrides_of_model_config", {"rope_theta": 1}, True),
        ("fsdp_config", {"fsdp_offload_params": True, "fsdp_sharding_strategy": "FULL_SHARD"}, True),
        ("fsdp_config", {"sharding_strategy": "SHARD_GRAD_OP"}, False),
        ("fsdp_config", {"fsdp_offload": True}, False),
    ],
)
def test_values_are_checked(key: str, value: object, fits: bool) -> None:
    assert Draft202012Validator(dict(ALL[key])).is_valid(value) is fits
