"""Make a fetched model ready: converted where its kind needs that, and checked to be whole."""

from ftk.plugin import PYTHON, Advice, Artifact, Command, FetchedModel, PreparedModel, Resources, Run
from ftk_models.whole import refuse_damaged

CONVERTER_REVISION = 1
"""Raised when the converters would write other files from the same model."""

ADVICE = Advice(
    r"(the base model has no tokenizer that can be read: .*)",
    r"\1",
    "fetch or copy the model again with its tokenizer (tokenizer.json, tokenizer_config.json)",
)


def prepare_model(run: Run) -> PreparedModel:
    """The model's folder in the cache.

    :raises FtkError: when a file of it is missing or cut short.
    """
    fetched = run.fetch_model()
    folder = _converted(run, fetched)
    refuse_damaged(run.path(folder), run.config["base_model"])
    size = sum(item.stat().st_size for item in run.path(folder).iterdir())
    return PreparedModel(folder, fetched.digest, size)


def prepare_tokenizer(run: Run) -> Artifact:
    """The folder of the tokenizer's files; a tokenizer of an older kind is converted."""
    fetched = run.fetch_model(tokenizer_only=True)
    folder = _converted(run, fetched)
    if all((run.path(folder) / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json")):
        return folder
    inputs = {"tokenizer": fetched.digest, "revision": CONVERTER_REVISION}
    return run.cached("tokenizers", inputs, lambda target: _convert(run, "tokenizer", folder, target))


def _converted(run: Run, fetched: FetchedModel) -> Artifact:
    if run.path(fetched.path).is_dir():
        return fetched.path
    inputs = {"gguf": fetched.digest, "revision": CONVERTER_REVISION}
    return run.cached("models", inputs, lambda target: _convert(run, "gguf", fetched.path, target))


def _convert(run: Run, converter: str, source: Artifact, target: Artifact) -> None:
    run.notice(f"converting {source.path.rpartition('/')[2]}")
    argv = (PYTHON, "-m", f"ftk_models.{converter}", source, target)
    run.execute(Command(argv, "models-convert", Resources(run.config.timeout, gpus=False)))
