"""What cannot be lowered is refused by name."""

import pytest
import torch
from torch import nn

from secateur.errors import UserError
from secateur.graph.lowering import lower
from secateur.graph.network import TorchModel
from secateur.model.description import Port

pytestmark = pytest.mark.usefixtures("exported_anew")


def test_weights_that_are_not_finite_are_named():
    network = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)).eval()
    with torch.no_grad():
        network[2].weight[0, 0] = float("nan")
    model = TorchModel("net", network, (Port("x", "float32", (None, 4)),), (Port("y", "float32", (None, 2)),))
    with pytest.raises(UserError, match="weights of 2 in net"):
        lower(model)
