"""Training on preferences, where a config has `rl`."""

from dataclasses import dataclass

from ftk_transformers.settings.declaring import Group, choice, flag, number, setting

LOSSES = ["sigmoid", "hinge", "ipo", "robust", "exo_pair", "nca_pair", "apo_zero", "apo_down", "sppo_hard", "sft"]


@dataclass(frozen=True)
class Preference(Group):
    """Keys of DPO, IPO and KTO."""

    rl: str | None = choice(["dpo", "ipo", "orpo", "simpo", "kto", None], None, "here: `dpo`, `ipo` or `kto`, or empty")
    rl_beta: float | None = number(None, "how near the base model is kept; 0.1 if empty", exclusiveMinimum=0)
    dpo_loss_type: list[str] | None = setting(
        ["array", "null"], None, "the losses of `dpo`; `sigmoid` if empty", items={"enum": LOSSES}, minItems=1
    )
    dpo_loss_weights: list[float] | None = setting(
        ["array", "null"], None, "their weights, where there are several", items={"type": "number"}
    )
    dpo_label_smoothing: float | None = number(
        None, "the share of pairs taken to be the wrong way round", minimum=0, exclusiveMaximum=0.5
    )
    dpo_use_weighting: bool = flag(False, "weigh pairs by how likely the model finds them")
    rpo_alpha: float | None = number(None, "the weight of the chosen answers' own loss beside that of `dpo`", minimum=0)
    kto_desirable_weight: float | None = number(None, "the weight of good answers; 1 if empty", exclusiveMinimum=0)
    kto_undesirable_weight: float | None = number(None, "the weight of bad answers; 1 if empty", exclusiveMinimum=0)

    @property
    def losses(self) -> list[str]:
        """What trl calls `loss_type`."""
        base = ["ipo"] if self.rl == "ipo" else self.dpo_loss_type or ["sigmoid"]
        return [*base, "sft"] if self.rpo_alpha else base

    @property
    def loss_weights(self) -> list[float] | None:
        """The weight of each loss."""
        if not self.rpo_alpha:
            return self.dpo_loss_weights
        return [*(self.dpo_loss_weights or [1.0] * (len(self.losses) - 1)), self.rpo_alpha]
