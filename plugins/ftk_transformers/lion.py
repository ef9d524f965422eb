"""The Lion optimizer (https://arxiv.org/abs/2302.06675), for devices that its usual kernels do not run on."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.optim import Optimizer


class Lion(Optimizer):
    """Steps by the sign of a mean of gradients: one state per weight, where Adam has two.

    :param lr: usually a third to a tenth of Adam's.
    :param betas: the mean's decay in the step, and in what is kept.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Algorithm 2 of the paper."""
        loss = closure() if closure else None
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._update(weight, group)
        return loss

    def _update(self, weight: torch.Tensor, group: dict[str, Any]) -> None:
        fast, slow = group["betas"]
        state = self.state[weight]
        mean = state.setdefault("exp_avg", torch.zeros_like(weight))
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.add_(torch.sign(mean.mul(fast).add(weight.grad, alpha=1 - fast)), alpha=-group["lr"])
        mean.mul_(slow).add_(weight.grad, alpha=1 - slow)
