"""Small networks like ViT, Swin and ConvNeXt."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

SIZE = 32
WIDTH, HEADS, PATCH, WINDOW = 12, 2, 8, 2
GRID = SIZE // PATCH


class Attention(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, tokens, _ = x.shape
        q, k, v = self.qkv(x).reshape(n, tokens, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4).unbind(0)
        return self.proj(scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, tokens, WIDTH))


class Block(nn.Module):  # type: ignore[misc]
    """Attention and a perceptron, each added to what came in; in windows of a grid if ``windowed``."""

    def __init__(self, windowed: bool = False, shift: int = 0) -> None:
        super().__init__()
        self.norm1, self.attn, self.norm2 = nn.LayerNorm(WIDTH), Attention(), nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH))
        self.windowed, self.shift = windowed, shift

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + (self.windows(self.norm1(x)) if self.windowed else self.attn(self.norm1(x)))
        return x + self.mlp(self.norm2(x))

    def windows(self, x: torch.Tensor) -> torch.Tensor:
        n, side = x.shape[0], GRID // WINDOW
        if self.shift:
            x = torch.roll(x, (-self.shift, -self.shift), (1, 2))
        x = x.reshape(n, side, WINDOW, side, WINDOW, WIDTH)
        x = self.attn(x.transpose(2, 3).reshape(n * side**2, WINDOW**2, WIDTH))
        x = x.reshape(n, side, side, WINDOW, WINDOW, WIDTH).transpose(2, 3).reshape(n, GRID, GRID, WIDTH)
        return torch.roll(x, (self.shift, self.shift), (1, 2)) if self.shift else x


class Vit(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.token = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.places = nn.Parameter(torch.randn(1, 1 + GRID**2, WIDTH))
        self.blocks, self.head = nn.Sequential(Block(), Block(), Block()), nn.Linear(WIDTH, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
        return self.head(self.blocks(x)[:, 0])


class Swin(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.blocks, self.head = nn.Sequential(Block(True), Block(True, 1)), nn.Linear(WIDTH, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.patches(x).permute(0, 2, 3, 1)).mean((1, 2)))


class Next(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, groups=WIDTH)
        self.norm, self.wide, self.narrow = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 24), nn.Linear(24, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.narrow(nn.functional.gelu(self.wide(self.norm(self.depthwise(x).permute(0, 2, 3, 1)))))
        return x + y.permute(0, 3, 1, 2)


class Convnext(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.blocks, self.head = nn.Conv2d(3, WIDTH, 4, 4), nn.Sequential(Next(), Next()), nn.Linear(12, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


class Undecided(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x)
        return y if y.sum() > 0 else -y


def positions(value: torch.Tensor) -> torch.Tensor:
    """Return the expected result of the layer's graph, [N, C, h, w]."""
    if value.ndim == 3:
        return value[:, 1:].transpose(1, 2).unflatten(2, (GRID, GRID))
    return value.permute(0, 3, 1, 2) if value.shape[-1] == WIDTH else value


def vit() -> nn.Module:
    return Vit()


def swin() -> nn.Module:
    return Swin()


def convnext() -> nn.Module:
    return Convnext()


def undecided() -> nn.Module:
    return Undecided()
