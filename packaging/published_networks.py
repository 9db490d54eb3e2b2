"""Networks as people have them, in plain torch: the true structure, with widths that a test can afford.

Every factory takes a width; `FULL` in the names' docstrings is the published size. Parameters are named as in
torchvision, timm and transformers, so that published weights fit (MiniLM's do: `bert` with its six layers).
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everybody writes it

# ---------------------------------------------------------------------- ResNet-18 (He et al. 2015)


class BasicBlock(nn.Module):
    def __init__(self, given: int, made: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(given, made, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(made)
        self.conv2 = nn.Conv2d(made, made, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(made)
        short = (nn.Conv2d(given, made, 1, stride, bias=False), nn.BatchNorm2d(made))
        self.downsample = nn.Sequential(*short) if stride > 1 or given != made else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        made = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(made + self.downsample(x))


class ResNet18(nn.Module):
    def __init__(self, width: int, classes: int, size: int) -> None:
        super().__init__()
        self.input_shape = (3, size, size)
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        given = width
        for place in range(4):
            made = width << place
            blocks = (BasicBlock(given, made, 2 if place else 1), BasicBlock(made, made, 1))
            setattr(self, f"layer{place + 1}", nn.Sequential(*blocks))
            given = made
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(given, classes)

    def forward(self, image: Tensor) -> Tensor:
        x = self.maxpool(F.relu(self.bn1(self.conv1(image))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


def resnet18(width: int = 8, classes: int = 10, size: int = 64) -> nn.Module:
    """Width 64, 1,000 classes and 224 pixels are the published network."""
    return settled(ResNet18(width, classes, size))


# ---------------------------------------------------------------------- MobileNetV2 (Sandler et al. 2018)

_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def _convolved(given: int, made: int, kernel: int, stride: int, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(given, made, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(made), nn.ReLU6())


class InvertedResidual(nn.Module):
    def __init__(self, given: int, made: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = given * expansion
        parts: list[nn.Module] = [_convolved(given, wide, 1, 1)] if expansion > 1 else []
        parts += [
            _convolved(wide, wide, 3, stride, wide),
            nn.Conv2d(wide, made, 1, bias=False),
            nn.BatchNorm2d(made),
        ]
        self.conv = nn.Sequential(*parts)
        self.is_residual = stride == 1 and given == made

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.is_residual else self.conv(x)


class MobileNetV2(nn.Module):
    def __init__(self, width: float, classes: int, size: int) -> None:
        super().__init__()
        self.input_shape = (3, size, size)
        given = _eighths(32 * width)
        features: list[nn.Module] = [_convolved(3, given, 3, 2)]
        for expansion, channels, count, stride in _STAGES:
            for place in range(count):
                made = _eighths(channels * width)
                features.append(InvertedResidual(given, made, stride if not place else 1, expansion))
                given = made
        last = _eighths(1280 * width)
        self.features = nn.Sequential(*features, _convolved(given, last, 1, 1))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(last, classes))

    def forward(self, image: Tensor) -> Tensor:
        return self.classifier(F.adaptive_avg_pool2d(self.features(image), 1).flatten(1))


def _eighths(channels: float) -> int:
    return max(8, int(channels + 4) // 8 * 8)


def mobilenet_v2(width: float = 0.25, classes: int = 10, size: int = 64) -> nn.Module:
    """Width 1, 1,000 classes and 224 pixels are the published network."""
    return settled(MobileNetV2(width, classes, size))


# ---------------------------------------------------------------------- ViT (Dosovitskiy et al. 2020)


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, count, width = x.shape
        qkv = self.qkv(x).reshape(batch, count, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        query, key, value = qkv.unbind(0)
        made = F.scaled_dot_product_attention(query, key, value)
        return self.proj(made.transpose(1, 2).reshape(batch, count, width))


class ViTBlock(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    def __init__(self, width: int, depth: int, heads: int, classes: int, size: int, patch: int) -> None:
        super().__init__()
        self.input_shape = (3, size, size)
        self.patch_embed = nn.Conv2d(3, width, patch, patch)
        self.cls_token = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.pos_embed = nn.Parameter(torch.randn(1, (size // patch) ** 2 + 1, width) * 0.02)
        self.blocks = nn.Sequential(*(ViTBlock(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)

    def forward(self, image: Tensor) -> Tensor:
        x = self.patch_embed(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], 1) + self.pos_embed
        return self.head(self.norm(self.blocks(x))[:, 0])


def vit(
    width: int = 32, depth: int = 2, heads: int = 4, classes: int = 10, size: int = 32, patch: int = 8
) -> nn.Module:
    """ViT-B/16 has width 768, depth 12, 12 heads, 1,000 classes, 224 pixels and patches of 16."""
    return settled(ViT(width, depth, heads, classes, size, patch))


# ---------------------------------------------------------------------- BERT (Devlin et al. 2018)


class BertEmbeddings(nn.Module):
    def __init__(self, words: int, places: int, width: int) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(words, width)
        self.position_embeddings = nn.Embedding(places, width)
        self.token_type_embeddings = nn.Embedding(2, width)
        self.LayerNorm = nn.LayerNorm(width, eps=1e-12)

    def forward(self, input_ids: Tensor, token_type_ids: Tensor) -> Tensor:
        places = torch.arange(input_ids.shape[1], device=input_ids.device).unsqueeze(0)
        words = self.word_embeddings(input_ids) + self.token_type_embeddings(token_type_ids)
        return self.LayerNorm(words + self.position_embeddings(places))


class BertAttention(nn.Module):
    """Self-attention written out, as transformers had it before the fused operator: names and all."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.self = nn.ModuleDict({name: nn.Linear(width, width) for name in ("query", "key", "value")})
        self.output = nn.ModuleDict({"dense": nn.Linear(width, width), "LayerNorm": nn.LayerNorm(width, eps=1e-12)})

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        parts = (self.self[name](x) for name in ("query", "key", "value"))
        query, key, value = (part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in parts)
        scores = query @ key.transpose(2, 3) / query.shape[-1] ** 0.5 + mask
        made = (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)
        return self.output["LayerNorm"](self.output["dense"](made) + x)


class BertLayer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = BertAttention(width, heads)
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, 4 * width)})
        self.output = nn.ModuleDict({"dense": nn.Linear(4 * width, width), "LayerNorm": nn.LayerNorm(width, eps=1e-12)})

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = self.attention(x, mask)
        wide = F.gelu(self.intermediate["dense"](x))
        return self.output["LayerNorm"](self.output["dense"](wide) + x)


class Bert(nn.Module):
    def __init__(self, words: int, places: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        ids = torch.zeros(1, 12, dtype=torch.int64)
        self.example_inputs = (ids, torch.ones_like(ids), ids)
        self.embeddings = BertEmbeddings(words, places, width)
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(BertLayer(width, heads) for _ in range(depth))})
        self.pooler = nn.ModuleDict({"dense": nn.Linear(width, width)})

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> tuple[Tensor, Tensor]:
        x = self.embeddings(input_ids, token_type_ids)
        mask = (1.0 - attention_mask[:, None, None, :].to(x.dtype)) * -1e4
        for layer in self.encoder["layer"]:
            x = layer(x, mask)
        return x, torch.tanh(self.pooler["dense"](x[:, 0]))


def bert(words: int = 100, places: int = 64, width: int = 32, depth: int = 2, heads: int = 4) -> nn.Module:
    """MiniLM-L6 has 30,522 words, 512 places, width 384, depth 6 and 12 heads."""
    return settled(Bert(words, places, width, depth, heads))


# ---------------------------------------------------------------------- LSTM tagger


class LstmTagger(nn.Module):
    """Words in, a tag for each word out: two bidirectional layers, as taggers and small recognizers have them."""

    def __init__(self, words: int, width: int, hidden: int, tags: int) -> None:
        super().__init__()
        self.example_inputs = (torch.zeros(1, 9, dtype=torch.int64),)
        self.embedding = nn.Embedding(words, width)
        self.lstm = nn.LSTM(width, hidden, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * hidden, tags)

    def forward(self, words: Tensor) -> Tensor:
        made, _ = self.lstm(self.embedding(words))
        return self.head(made)


def lstm_tagger(words: int = 50, width: int = 16, hidden: int = 24, tags: int = 7) -> nn.Module:
    return settled(LstmTagger(words, width, hidden, tags))


# ---------------------------------------------------------------------- U-Net (Ronneberger et al. 2015)


def _double(given: int, made: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(given, made, 3, padding=1), nn.BatchNorm2d(made), nn.ReLU(),
        nn.Conv2d(made, made, 3, padding=1), nn.BatchNorm2d(made), nn.ReLU(),
    )  # fmt: skip


class UNet(nn.Module):
    """Down by max pooling; up by transposed convolution, at the top by interpolation."""

    def __init__(self, width: int, depth: int, classes: int, size: int) -> None:
        super().__init__()
        self.input_shape = (3, size, size)
        widths = [width << place for place in range(depth)]
        self.down = nn.ModuleList(
            _double(3 if not place else widths[place - 1], made) for place, made in enumerate(widths)
        )
        pairs = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.up = nn.ModuleList(nn.ConvTranspose2d(low, high, 2, 2) for low, high in pairs[:-1])
        self.last = nn.Conv2d(pairs[-1][0], pairs[-1][1], 1)
        self.merge = nn.ModuleList(_double(2 * high, high) for _, high in pairs)
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        kept: list[Tensor] = []
        x = image
        for place, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if place else x)
            kept.append(x)
        for place, merge in enumerate(self.merge):
            beside = kept[-2 - place]
            if place < len(self.up):
                x = self.up[place](x)
            else:
                x = self.last(F.interpolate(x, size=beside.shape[2:], mode="bilinear", align_corners=False))
            x = merge(torch.cat([beside, x], 1))
        return self.head(x)


def unet(width: int = 4, depth: int = 4, classes: int = 3, size: int = 32) -> nn.Module:
    """Width 64, depth 5 and 572 pixels are the published network."""
    return settled(UNet(width, depth, classes, size))


# ---------------------------------------------------------------------- all of them


def settled(network: Any) -> nn.Module:
    """`network` with statistics and weights that no two are equal of, so that a mix-up shows; in evaluation mode."""
    generator = torch.Generator().manual_seed(4)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
            with torch.no_grad():
                module.weight.uniform_(0.7, 1.3, generator=generator)
                module.bias.uniform_(-0.2, 0.2, generator=generator)
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2, generator=generator)
            module.running_var.uniform_(0.7, 1.3, generator=generator)
    return network.eval()
