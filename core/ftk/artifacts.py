"""What stages hand to each other: small frozen values whose paths mean the same on every machine."""

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, TypeVar, cast, get_args, get_type_hints

T = TypeVar("T", bound="Result")

Root = Literal["run", "runs", "cache"]
"""The folder of the run at hand, the folder of all runs, or the cache."""

DataKind = Literal["sft", "preference", "unpaired"]
"""What rows are trained for: by their labels, by the better of two answers, or by answers that are good or bad."""


@dataclass(frozen=True)
class Artifact:
    """A file or folder by its place in the run folder or in the cache; each backend knows where those are.

    :param root: `run`, `cache`, or `runs` for what belongs to another run, whose id is the path's first part.
    :param path: below that root, with forward slashes; empty for the root itself.
    """

    root: Root
    path: str

    def __str__(self) -> str:
        return f"{self.root}:{self.path}"

    def __truediv__(self, name: str) -> "Artifact":
        return Artifact(self.root, f"{self.path}/{name}" if self.path else name)

    @classmethod
    def parse(cls, text: str) -> "Artifact":
        """The artifact whose `str()` is `text`."""
        root, _, path = text.partition(":")
        return cls(cast(Root, root), path)


@dataclass(frozen=True)
class Result:
    """The base of what a stage returns; it is kept as JSON in the stage's manifest."""

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON values; artifacts as text."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: str(value) if isinstance(value, Artifact) else value for name, value in values.items()}

    @classmethod
    def from_json(cls: type[T], values: dict[str, Any]) -> T:
        """The result whose `to_json()` is `values`."""
        hints = get_type_hints(cls)
        return cls(**{name: _value(hints[name], value) for name, value in values.items()})

    def artifacts(self) -> list[Artifact]:
        """Every file or folder that this result names."""
        values = (getattr(self, item.name) for item in fields(self))
        return [value for value in values if isinstance(value, Artifact)]


def _value(hint: Any, value: Any) -> Any:
    is_artifact = hint is Artifact or Artifact in get_args(hint)
    return Artifact.parse(value) if is_artifact and value is not None else value


@dataclass(frozen=True)
class StagedData(Result):
    """Validated, flattened and tokenised rows.

    :param folder: holds `train.parquet` and, with held-out rows, `eval.parquet`; columns `input_ids`,
        `attention_mask` and `labels` (-100 where a token is not trained), a list of integers each. Beside them,
        `train-rows.parquet` and `eval-rows.parquet` hold each row's number in the data, counted from 1, as `row`.
    :param digest: identity of the content.
    :param train_rows: rows to train on.
    :param eval_rows: rows held out.
    :param tokens: tokens of the rows to train on.
    :param trained_tokens: those of them that carry loss.
    :param truncated_rows: rows longer than `sequence_len`, which are left out or cut as the config says.
    :param short_rows: rows shorter than `min_sample_len`, which are left out.
    :param duplicate_rows: rows that were left out since they were there already.
    :param kind: `sft`; `preference` (columns `prompt`, `chosen`, `rejected`, as text and, with `_ids` behind their
        names, as tokens) or `unpaired` (`prompt` and `completion` in the same way, and the boolean `label`).
    """

    folder: Artifact
    digest: str
    train_rows: int
    eval_rows: int
    tokens: int
    trained_tokens: int
    truncated_rows: int
    kind: DataKind = "sft"
    short_rows: int = 0
    duplicate_rows: int = 0

    TRAIN: ClassVar[str] = "train.parquet"
    EVAL: ClassVar[str] = "eval.parquet"
    NUMBERS: ClassVar[str] = "{}-rows.parquet"


@dataclass(frozen=True)
class FetchedModel:
    """Files that `base_model` names, as they came.

    :param path: a folder as Hugging Face models have it, or one file (`.gguf`) to be converted.
    :param digest: identity of the content, such as a commit or a hash.
    """

    path: Artifact
    digest: str


@dataclass(frozen=True)
class PreparedModel(Result):
    """A base model ready to be read.

    :param folder: `config.json`, safetensors, tokenizer files.
    :param digest: identity of the content, such as a commit or a hash.
    :param size: bytes of the folder.
    """

    folder: Artifact
    digest: str
    size: int


@dataclass(frozen=True)
class TrainedModel(Result):
    """What training made.

    :param folder: the adapter (`adapter_config.json`, safetensors), or a whole model after a full fine-tune.
    :param is_adapter: whether it is an adapter of the base model.
    :param steps: optimizer steps done in all.
    :param train_loss: loss of the last logged step; None where none was logged.
    :param eval_loss: last loss on the held-out rows; None where it was not measured.
    """

    folder: Artifact
    is_adapter: bool
    steps: int
    train_loss: float | None
    eval_loss: float | None


@dataclass(frozen=True)
class MergedModel(Result):
    """A whole tuned model.

    :param folder: `config.json`, safetensors, tokenizer files.
    :param parity: what comparing it with base and adapter gave, as JSON: `text` for a person, `ok` (None where it was
        skipped), and figures; None where nobody compared.
    """

    folder: Artifact
    parity: dict[str, Any] | None = None


@dataclass(frozen=True)
class Model:
    """A model to ask: a whole one, or a base with an adapter on it.

    :param folder: the whole model or the base.
    :param adapter: the adapter's folder.
    """

    folder: Artifact
    adapter: Artifact | None = None


@dataclass(frozen=True)
class Losses:
    """How well a model expects rows.

    :param file: JSON lines with `loss` (the sum of the negative log-likelihoods of the row's trained tokens, in nats)
        and `tokens` (how many those are), in the rows' order.
    """

    file: Artifact


@dataclass(frozen=True)
class Completions:
    """Answers of a model.

    :param file: JSON lines with `text`, `tokens` (new ones) and `finish` (`stop` or `length`), in the prompts' order.
    """

    file: Artifact
