"""What a layer computes, in words: one for a column, a phrase for a heading. Pure Python, no Qt."""

from secateur.model.description import Layer

_WORDS = {
    "Conv1d": "Conv",
    "Conv2d": "Conv",
    "Conv3d": "Conv",
    "ConvTranspose1d": "ConvT",
    "ConvTranspose2d": "ConvT",
    "MatrixProduct": "Product",
}


def kind_word(layer: Layer) -> str:
    """`Conv`, `Depthwise`, `Conv, 4 groups`, `Linear`: as short as it can be said."""
    word = _WORDS.get(layer.kind, layer.kind)
    if layer.is_depthwise:
        return "Depthwise T" if word == "ConvT" else "Depthwise"
    return f"{word}, {layer.groups} groups" if layer.groups > 1 else word


def kind_phrase(layer: Layer) -> str:
    """`Conv2d 3×3`, `Depthwise Conv2d 3×3`, `Conv2d 3×3, 4 groups`, `Linear`."""
    phrase = f"{layer.kind} {'×'.join(str(n) for n in layer.kernel)}".strip()
    if layer.is_depthwise:
        return f"Depthwise {phrase}"
    return f"{phrase}, {layer.groups} groups" if layer.groups > 1 else phrase


def heading_words(layer: Layer) -> tuple[str, ...]:
    """`Depthwise Conv2d 3×3 · 32 → 32` and the same in fewer words, for a heading that says what it has room for."""
    phrase, word = kind_phrase(layer), kind_word(layer)
    shape = layer.weight.shape if layer.weight else ()
    if len(shape) < 2:
        return (phrase, word)
    inputs = shape[1 - min(layer.channel_axis, 1)]
    inner = inputs * layer.groups if layer.channel_axis == 0 else inputs
    channels = f"{inner} → {layer.out_channels}"
    return (f"{phrase} · {channels}", f"{word} · {channels}", phrase, word)
