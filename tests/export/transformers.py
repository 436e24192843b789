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


class Tokens(Vit):
    """A ViT whose tokens beside the picture's come in other ways."""

    def __init__(self, how: str = "expand", registers: int = 0, second: bool = False, last: bool = False) -> None:
        super().__init__()
        self.how, self.last = how, last
        self.second = nn.Parameter(torch.randn(1, 1, WIDTH)) if second else None
        self.registers = nn.Parameter(torch.randn(1, registers, WIDTH)) if registers else None
        if second:
            self.places = nn.Parameter(torch.randn(1, 2 + GRID**2, WIDTH))
        if how == "interpolate":
            self.places = nn.Parameter(torch.randn(1, 1 + 5**2, WIDTH))

    def row(self, token: torch.Tensor, n: int) -> torch.Tensor:
        if self.how == "repeat":
            return token.repeat(n, 1, 1)
        if self.how == "zeros":
            return token + torch.zeros(n, 1, WIDTH)
        return token.expand(n, -1, -1)

    def positions(self, height: int, width: int) -> torch.Tensor:
        if self.how != "interpolate":
            return self.places
        grid = self.places[:, 1:].reshape(1, 5, 5, WIDTH).permute(0, 3, 1, 2)
        grid = nn.functional.interpolate(grid, size=(height, width), mode="bilinear", align_corners=False)
        return torch.cat([self.places[:, :1], grid.permute(0, 2, 3, 1).reshape(1, -1, WIDTH)], 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, height, width = x.shape[0], x.shape[2] // PATCH, x.shape[3] // PATCH
        x = self.patches(x).flatten(2).transpose(1, 2)
        first = [self.row(self.token, n), *([self.row(self.second, n)] if self.second is not None else [])]
        x = torch.cat([x, *first] if self.last else [*first, x], 1) + self.positions(height, width)
        if self.registers is not None:
            x = torch.cat([x[:, :1], self.registers.expand(n, -1, -1), x[:, 1:]], 1)
        return self.head(self.blocks(x).mean(1) if self.last else self.blocks(x)[:, 0])


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


def repeated_token() -> nn.Module:
    return Tokens("repeat")


def token_on_zeros() -> nn.Module:
    return Tokens("zeros")


def two_tokens() -> nn.Module:
    return Tokens(second=True)


def registers() -> nn.Module:
    return Tokens(registers=3)


def interpolated() -> nn.Module:
    return Tokens("interpolate")


def token_last() -> nn.Module:
    return Tokens(last=True)


def swin() -> nn.Module:
    return Swin()


def convnext() -> nn.Module:
    return Convnext()


def undecided() -> nn.Module:
    return Undecided()
