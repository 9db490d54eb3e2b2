"""The window with weights to look at."""

import pytest
from looked_weights import Looked


@pytest.fixture
def looked(shown, make_network, make_spectra) -> Looked:
    return Looked(shown, make_network, make_spectra)
