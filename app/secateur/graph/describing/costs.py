"""What a layer costs to compute, from shapes alone."""

from math import prod


def multiply_accumulates(
    kind: str, weight: tuple[int, ...], given: tuple[int, ...], made: tuple[int, ...], contracted: int = 0
) -> int:
    """Multiply-accumulates of one sample, from weight, input and output shapes with the batch axis.

    A convolution uses its whole kernel once for each output position, a transposed one once for each input
    position, a linear layer its matrix once for each row. In other products each number of the result takes
    `contracted` of them. Additions of biases are not counted.
    """
    if not weight or not given or not made:
        return 0
    if kind.startswith("ConvTranspose"):
        return prod(weight) * prod(given[2:])
    if kind.startswith("Conv"):
        return prod(weight) * prod(made[2:])
    if kind == "Linear":
        return prod(weight) * prod(made[1:-1])
    if kind == "MatrixProduct":
        return prod(made[1:] if made[0] == given[0] else made) * contracted
    return 0
