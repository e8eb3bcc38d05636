"""Convolutional networks, to be given as ``module``.

Each maps arrays of shape ``(rows, *shape)``, ``shape`` being (channels, height, width)
of any size, to logits of shape ``(rows, n_outputs)``. ``width`` is the number of
channels of the first layer, by default that of the paper's network.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Shape = tuple[int, int, int]


class PreActBlock(nn.Module):
    """Two convolutions, each after a batch norm and ReLU, beside a short cut."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(n_in)
        self.conv1 = _conv(n_in, n_out, stride)
        self.norm2 = nn.BatchNorm2d(n_out)
        self.conv2 = _conv(n_out, n_out)
        self.short_cut = None
        if stride != 1 or n_in != n_out:
            self.short_cut = nn.Conv2d(n_in, n_out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return what the short cut and the convolutions make, added up."""
        hidden = F.relu(self.norm1(x))
        short = x if self.short_cut is None else self.short_cut(hidden)
        hidden = self.conv1(hidden)
        return short + self.conv2(F.relu(self.norm2(hidden)))


class PreActResNet18(nn.Sequential):
    """The pre-activation ResNet of 18 layers for small images (arXiv 1603.05027).

    Examples
    --------
    >>> import torch
    >>> PreActResNet18((3, 32, 32), 10)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(self, shape: Shape, n_outputs: int, width: int = 64) -> None:
        layers: list[nn.Module] = [_conv(shape[0], width)]
        n_in = width
        for stage, stride in enumerate((1, 2, 2, 2)):
            n_out = width * 2**stage
            layers += [PreActBlock(n_in, n_out, stride), PreActBlock(n_out, n_out, 1)]
            n_in = n_out
        layers += [nn.BatchNorm2d(n_in), nn.ReLU(), nn.AdaptiveAvgPool2d(1)]
        super().__init__(*layers, nn.Flatten(), nn.Linear(n_in, n_outputs))


class SmallConvNet(nn.Sequential):
    """Two convolutions with batch norm, each pooled, and a linear layer."""

    def __init__(self, shape: Shape, n_outputs: int, width: int = 32) -> None:
        features = [
            *(_conv(shape[0], width), nn.BatchNorm2d(width), nn.ReLU(), _pool()),
            *(_conv(width, 2 * width), nn.BatchNorm2d(2 * width), nn.ReLU(), _pool()),
        ]
        n_features = _n_features(features, shape)
        super().__init__(*features, nn.Flatten(), nn.Linear(n_features, n_outputs))


class LeNet(nn.Sequential):
    """Two convolutions of 5 x 5 with batch norm, each pooled, and two linear layers."""

    # NOTE[DIFF]: of its LeNet the paper (arXiv 1710.09412, section 3.3) says that it
    # has two convolutions and two linear layers; their widths are chosen here, and the
    # batch norm, without which the paper's rate taught nothing of a thousand chirps.
    def __init__(self, shape: Shape, n_outputs: int, width: int = 20) -> None:
        features = [
            *(_conv5(shape[0], width), nn.BatchNorm2d(width), nn.ReLU(), _pool()),
            *(_conv5(width, width), nn.BatchNorm2d(width), nn.ReLU(), _pool()),
        ]
        hidden = [nn.Linear(_n_features(features, shape), 25 * width), nn.ReLU()]
        top = nn.Linear(25 * width, n_outputs)
        super().__init__(*features, nn.Flatten(), *hidden, top)


class VGG11(nn.Sequential):
    """VGG of eight convolutions with batch norm (arXiv 1409.1556, configuration A)."""

    # NOTE[DIFF]: two linear layers, as the paper says of its VGG-11 (arXiv 1710.09412,
    # section 3.3), and not three; their width and the batch norm are chosen here.
    def __init__(self, shape: Shape, n_outputs: int, width: int = 64) -> None:
        features: list[nn.Module] = []
        n_in = shape[0]
        for multiples in ((1,), (2,), (4, 4), (8, 8), (8, 8)):
            for multiple in multiples:
                n_out = multiple * width
                features += [_conv(n_in, n_out), nn.BatchNorm2d(n_out), nn.ReLU()]
                n_in = n_out
            features.append(_pool())
        hidden = [nn.Linear(_n_features(features, shape), n_in), nn.ReLU()]
        super().__init__(
            *features,
            nn.Flatten(),
            *hidden,
            nn.Dropout(0.5),
            nn.Linear(n_in, n_outputs),
        )


def _conv(n_in: int, n_out: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False)


def _conv5(n_in: int, n_out: int) -> nn.Conv2d:
    return nn.Conv2d(n_in, n_out, 5, padding=2, bias=False)


def _pool() -> nn.MaxPool2d:
    # Rounded up: a side of one pixel stays.
    return nn.MaxPool2d(2, ceil_mode=True)


def _n_features(layers: list[nn.Module], shape: Shape) -> int:
    """Count what layers make of an array of that shape."""
    network = nn.Sequential(*layers).eval()  # one row has no variance
    with torch.no_grad():
        n_features = network(torch.zeros(1, *shape)).numel()
    network.train()
    return n_features
