"""A comparison of a network's mode and trainable weights with an earlier state."""

from __future__ import annotations

from torch import nn


class Modes:
    """The mode of each module and ``requires_grad`` of each parameter of a network at construction."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.training = {name: module.training for name, module in network.named_modules()}
        self.trained = {name: parameter.requires_grad for name, parameter in network.named_parameters()}

    def changed(self) -> str:
        """Return what has changed since, in words that follow "leaves the network"; "" if nothing has."""
        for name, module in self.network.named_modules():
            if module.training != self.training.get(name, module.training):
                return f"in {'training' if module.training else 'evaluation'} mode"
        for name, parameter in self.network.named_parameters():
            if parameter.requires_grad != self.trained.get(name, parameter.requires_grad):
                return f"with requires_grad={parameter.requires_grad} in {name}"
        return ""
