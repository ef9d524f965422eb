"""What axolotl makes of the staged rows (filtered, packed), kept in the cache by content."""

from ftk.plugin import Artifact, Run, StagedData, files
from ftk_axolotl.checkpoints import MARKER, is_complete
from ftk_axolotl.keys import VERSION

KIND = "axolotl"
"""The cache's folder."""

KEYS = (
    "sequence_len",
    "eval_sequence_len",
    "excess_length_strategy",
    "min_sample_len",
    "sample_packing",
    "sample_packing_group_size",
    "sample_packing_bin_size",
    "sample_packing_sequentially",
    "eval_sample_packing",
    "group_by_length",
    "pad_to_sequence_len",
    "dataset_exact_deduplication",
    "shuffle_merged_datasets",
    "curriculum_sampling",
    "chat_template",
    "special_tokens",
    "tokens",
    "seed",
    "rl",
)
"""The keys that decide what axolotl makes of the rows."""


class Prepared:
    """The rows that axolotl has prepared for a run.

    :param run: the run.
    :param data: the staged rows that they are made of.
    """

    def __init__(self, run: Run, data: StagedData) -> None:
        self._run = run
        keys = {key: run.config.get(key) for key in KEYS}
        self._inputs = {"version": VERSION, "data": data.digest, "tokenizer": run.tokenizer().path, "keys": keys}
        self.folder = run.prepared_folder / f"axolotl-{files.sha256_of(self._inputs)[:12]}"
        """Where axolotl reads and writes; it keeps locks there, so that two runs cannot share one."""

    def bring(self) -> None:
        """Put into the run what was prepared before, by a start of this run that was cut short, or by another run."""
        if is_complete(self._run.path(self.folder)):
            return
        files.remove(self._run.path(self.folder))
        cached = self._run.cache.existing(KIND, self._inputs)
        if cached:
            self._copy(cached, self.folder)

    def keep(self) -> None:
        """Put into the cache what axolotl has prepared."""
        self._run.cached(KIND, self._inputs, lambda entry: self._copy(self.folder, entry))

    def _copy(self, source: Artifact, target: Artifact) -> None:
        """Give the files a second name each; axolotl's locks, which lie beside its folders, stay behind."""
        origin = self._run.path(source)
        with files.new_folder(self._run.path(target)) as folder:
            for name in (*files.read_json(origin / MARKER), MARKER):
                files.link_file(origin / name, folder / name)
