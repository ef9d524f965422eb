"""What axolotl makes of the staged rows (filtered, packed), kept in the cache by content."""

from ftk.plugin import Artifact, Run, StagedData, files
from ftk_axolotl.checkpoints import MARKER, is_complete
from ftk_axolotl.keys import SETTINGS, VERSION, passed_on
from ftk_axolotl.raw import is_by_content

KIND = "axolotl"
"""The cache's folder."""

TRAINING_ONLY = frozenset(
    (
        *SETTINGS,
        "adapter",
        "bf16",
        "deepspeed",
        "eval_batch_size",
        "eval_steps",
        "evals_per_epoch",
        "flash_attention",
        "fp16",
        "gradient_accumulation_steps",
        "gradient_checkpointing",
        "learning_rate",
        "lora_alpha",
        "lora_dropout",
        "lora_model_dir",
        "lora_modules_to_save",
        "lora_r",
        "lora_target_linear",
        "lora_target_modules",
        "lr_scheduler",
        "max_grad_norm",
        "max_steps",
        "micro_batch_size",
        "num_epochs",
        "optimizer",
        "output_dir",
        "tf32",
        "warmup_ratio",
        "warmup_steps",
        "weight_decay",
    )
)
"""The keys that people change most, of which axolotl makes nothing in the rows.

Any other key may be read by a way of making rows out of data, or by a plugin: runs that differ in one share nothing.
"""


class Prepared:
    """The rows that axolotl has prepared for a run.

    :param run: the run.
    :param data: the staged rows that they are made of.
    """

    def __init__(self, run: Run, data: StagedData) -> None:
        self._run = run
        keys = {key: value for key, value in passed_on(run.config).items() if key not in TRAINING_ONLY}
        self._inputs = {"version": VERSION, "data": data.digest, "tokenizer": run.tokenizer().path, "keys": keys}
        self.folder = run.prepared_folder / f"axolotl-{files.sha256_of(self._inputs)[:12]}"
        """Where axolotl reads and writes; it keeps locks there, so that two runs cannot share one."""
        self._by_content = is_by_content(run)

    def bring(self) -> None:
        """Put into the run what was prepared before, by a start of this run that was cut short, or by another run."""
        if is_complete(self._run.path(self.folder)):
            return
        files.remove(self._run.path(self.folder))
        cached = self._run.cache.existing(KIND, self._inputs)
        if cached and self._by_content:
            self._copy(cached, self.folder)

    def keep(self) -> None:
        """Put into the cache what axolotl has prepared, unless it is of data that may be others another day."""
        if self._by_content:
            self._run.cached(KIND, self._inputs, lambda entry: self._copy(self.folder, entry))

    def _copy(self, source: Artifact, target: Artifact) -> None:
        """Copy the files, so that runs share none; axolotl's locks, which lie beside its folders, stay behind."""
        origin = self._run.path(source)
        with files.new_folder(self._run.path(target)) as folder:
            for name in (*files.read_json(origin / MARKER), MARKER):
                files.copy_file(origin / name, folder / name)
