"""The arguments that a config passes through to vLLM, `ftk.serve.arguments`."""

from collections.abc import Mapping, Sequence

from ftk.plugin import UsageError

SETTINGS: Mapping[str, str] = {
    "--dtype": "dtype",
    "--max-model-len": "max_model_len",
    "--gpu-memory-utilization": "gpu_memory",
    "--max-num-seqs": "max_concurrency",
}
"""Options of vLLM that a setting of `ftk.serve` gives, by its name there."""

OWN: Mapping[str, str] = {
    **{option: f"--set ftk.serve.{name}=..." for option, name in SETTINGS.items()},
    "--host": "--host or ftk.serve.host",
    "--port": "--port or ftk.serve.port",
    "--uds": "--host or ftk.serve.host",
    "--api-key": "--api-key-env, since everybody on the machine sees a command's arguments",
    **dict.fromkeys(("--model", "--served-model-name"), "the RUN that you name, or --base"),
    **dict.fromkeys(("--tokenizer", "--chat-template"), "chat_template in the run's config, with which it is trained"),
    **dict.fromkeys(("--enable-lora", "--lora-modules", "--max-lora-rank"), "the RUNs that you name"),
}
"""Options that ftk gives itself, each with what to use in its place."""


def refuse_own(arguments: Sequence[str]) -> None:
    """Stop at arguments that would contradict those that ftk gives.

    :raises UsageError: naming the first one, and what to use instead.
    """
    for argument in arguments:
        option = argument.partition("=")[0].replace("_", "-")
        # argparse takes the beginning of an option for the whole.
        meant = next((own for own in OWN if own == option or (len(option) > 4 and own.startswith(option))), None)
        if option.startswith("--") and meant:
            raise UsageError(f"ftk.serve.arguments has {argument}, which ftk gives itself", f"use {OWN[meant]}")
