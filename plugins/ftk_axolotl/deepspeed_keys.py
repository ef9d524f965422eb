"""What a DeepSpeed config says otherwise than the keys beside it, which transformers' trainer refuses after minutes."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ftk.plugin import Config, Problem, find_accelerator

MATCHED: Mapping[str, tuple[str, float | None]] = {
    "gradient_accumulation_steps": ("gradient_accumulation_steps", 1),
    "train_micro_batch_size_per_gpu": ("micro_batch_size", 1),
    "gradient_clipping": ("max_grad_norm", 1.0),
    "optimizer.params.lr": ("learning_rate", None),
    "optimizer.params.eps": ("adam_epsilon", 1e-8),
    "optimizer.params.weight_decay": ("weight_decay", 0.0),
    "scheduler.params.warmup_max_lr": ("learning_rate", None),
}
"""What must be equal to a key of the config: that key, and what it is to axolotl and the trainer where it is absent."""

AUTO = "auto"

ONE_KEY = f'write "{AUTO}" there'


def find_differences(config: Config, content: Mapping[str, Any], place: str) -> Iterator[Problem]:
    """Where the two differ.

    :param content: the DeepSpeed config.
    :param place: where the config names it.
    """
    yield from _of_precision(config, content, place)
    for inner, (outer, default) in MATCHED.items():
        if inner == "train_micro_batch_size_per_gpu" and config.get("auto_find_batch_size"):
            continue
        inside, given = _inside(content, inner), config.get(outer)
        beside = _number(default if given is None else given)
        if inside not in (None, AUTO) and beside is not None and inside != beside:
            yield _unequal(place, inner, inside, outer, given, default)
    yield from _of_batches(config, content, place)


def _inside(content: Any, path: str) -> Any:
    """The value at a path with dots; None where there is none."""
    for step in path.split("."):
        content = content.get(step) if isinstance(content, Mapping) else None
    return content


def _number(value: Any) -> float | None:
    """The number that a key holds, perhaps as text, such as `1e-4`, which YAML does not read as a number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _unequal(place: str, inner: str, inside: Any, outer: str, given: Any, default: Any) -> Problem:
    beside = f"{json.dumps(default)} where it is not set" if given is None else json.dumps(given)
    message = f"the DeepSpeed config has {inner} {json.dumps(inside)}, but `{outer}` is {beside}"
    return Problem(place, message, f"{ONE_KEY}, so that one key rules both, or set {outer}: {json.dumps(inside)}")


def _of_precision(config: Config, content: Mapping[str, Any], place: str) -> Iterator[Problem]:
    enabled = {name: _inside(content, f"{name}.enabled") for name in ("bf16", "fp16")}
    for name, other in (("bf16", "fp16"), ("fp16", "bf16")):
        # To axolotl, one of them that is set to true leaves the other one off.
        beside = False if config.get(name) in (None, AUTO) and config.get(other) is True else config.get(name)
        inside = enabled[name]
        if isinstance(inside, bool) and isinstance(beside, bool) and inside != beside:
            message = f"the DeepSpeed config has {name}.enabled {json.dumps(inside)}, but `{name}` is"
            remedy = f"{ONE_KEY} (as the presets without `bf16` in their names do), so that one key rules both"
            yield Problem(place, f"{message} {json.dumps(beside)}", remedy)
    if all(value is True for value in enabled.values()):
        yield Problem(place, "the DeepSpeed config enables bf16 and fp16", "enable one of them")


def _of_batches(config: Config, content: Mapping[str, Any], place: str) -> Iterator[Problem]:
    whole = content.get("train_batch_size", AUTO)
    if whole == AUTO or config.get("auto_find_batch_size"):
        return
    micro, accumulated = config.get("micro_batch_size") or 1, config.get("gradient_accumulation_steps") or 1
    processes, told = _processes(config), f"micro_batch_size {micro} times gradient_accumulation_steps {accumulated}"
    if processes is None and whole % (micro * accumulated):
        yield Problem(place, f"the DeepSpeed config has train_batch_size {whole}, no multiple of {told}", ONE_KEY)
    if processes is not None and whole != processes * micro * accumulated:
        message = f"the DeepSpeed config has train_batch_size {whole}, but {told}"
        yield Problem(place, f"{message} makes {processes * micro * accumulated} in {processes} processes", ONE_KEY)


def _processes(config: Config) -> int | None:
    """How many processes will train together; None where that depends on another machine."""
    nproc: int | None = config.ftk["axolotl"]["nproc"]
    if nproc is None and config.works_here:
        return find_accelerator().count or 1
    return nproc
