"""Downloads from the Hugging Face hub into its own cache, with every refusal told in a line and a remedy."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ftk.errors import FtkError

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

NETWORK_LIBRARIES = ("httpx", "requests", "urllib3")
"""Those of which huggingface_hub, by its version, lets an error through when a download breaks off."""

PAGES = {"model": "https://huggingface.co", "dataset": "https://huggingface.co/datasets"}


@dataclass(frozen=True)
class Repository:
    """A repository of the hub, as the config names it.

    :param kind: what it holds.
    :param ref: its name, such as `org/name`.
    :param revision: a branch, tag or commit; None for the newest state.
    :param key: the config's key that names it.
    :param revision_key: the one that names the revision.
    :param local: what else that key may name, for messages.
    """

    kind: Literal["model", "dataset"]
    ref: str
    revision: str | None
    key: str
    revision_key: str
    local: str

    def __str__(self) -> str:
        return f"{self.noun} {self.ref}"

    @property
    def noun(self) -> str:
        """What a person calls it."""
        return "model" if self.kind == "model" else "data set"


def download(repository: Repository, patterns: Sequence[str], run_id: str) -> Path:
    """The folder of a commit, whose name is the commit's, with the files of these patterns.

    :param patterns: as `fnmatch` has them; a `*` stands for slashes too. The folder may be missing where none fits.
    :param run_id: the run that asks, for the remedy of a download that broke off.
    :raises FtkError: when the hub does not give them.
    """
    # Imported here since it takes longer than all of ftk's other imports together.
    from huggingface_hub import errors, get_cached_repo_tree, snapshot_download

    ref, kind = repository.ref, repository.kind
    try:
        found = snapshot_download(ref, repo_type=kind, revision=repository.revision, allow_patterns=list(patterns))
        # With this list, it has checked that all files are there; without, it gives whatever is.
        get_cached_repo_tree(ref, repo_type=kind, revision=Path(found).name)
        return Path(found)
    except errors.CachedRepoTreeNotFoundError:
        message = f"nothing tells whether the {repository} in the hub's cache on this machine is whole"
        remedy = f"with a network, `ftk run --resume {run_id}` completes it; or name the folder {found}"
    except errors.GatedRepoError:
        message = f"the {repository} is gated: the hub gives it only to accounts that accepted its terms"
        remedy = f"accept them at {PAGES[repository.kind]}/{ref}, then set HF_TOKEN to a token of that account"
    except errors.RevisionNotFoundError:
        message = f"the hub's {repository} has no revision {repository.revision!r}"
        remedy = f"correct {repository.revision_key}"
    except errors.RepositoryNotFoundError:
        message = f"there is no {repository} here or on the hub, or it is private"
        remedy = f"check the name; for a private {repository.noun} set HF_TOKEN to a token that may read it"
    except errors.HFValidationError:
        message = f"{repository.key} {ref!r} is no folder here and cannot be a name on the hub"
        remedy = f"name {repository.local}"
    except errors.LocalEntryNotFoundError as error:
        # Also raised for an answer that huggingface_hub does not know, with that answer as its cause.
        if isinstance(error.__cause__, errors.HfHubHTTPError):
            message, remedy = _refusal(repository, error.__cause__)
        else:
            message = f"the hub cannot be reached, and the {repository} is not in its cache on this machine"
            remedy = f"check the network (and HF_ENDPOINT, HF_HUB_OFFLINE), or name a {repository.noun} on this machine"
    except errors.HfHubHTTPError as error:
        message, remedy = _refusal(repository, error)
    except Exception as error:
        if not type(error).__module__.startswith(NETWORK_LIBRARIES):
            raise
        message = f"the connection to the hub broke while the {repository} was fetched: {error}"
        remedy = f"`ftk run --resume {run_id}` fetches what is missing"
    raise FtkError(message, remedy)


def _refusal(repository: Repository, error: "HfHubHTTPError") -> tuple[str, str]:
    status = error.response.status_code
    if status >= 500:
        return f"the hub failed with HTTP status {status} when asked for the {repository}", "try again later"
    remedy = "check HF_TOKEN and what it may read: `hf auth whoami` tells whose it is"
    return f"the hub refused the {repository} with HTTP status {status}", remedy
