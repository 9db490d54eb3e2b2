"""Which channels of the open model leave together: found out beside everything else, for it takes many runs."""

from secateur.engine.couplings import couplings_of
from secateur.engine.events import CouplingsFound
from secateur.engine.reporting import Reporter
from secateur.engine.requests import FindCouplings
from secateur.engine.workshop import Workshop


def find_couplings(request: FindCouplings, reporter: Reporter, workshop: Workshop) -> CouplingsFound:
    """Of a model that is no torch network: none."""
    return CouplingsFound(couplings_of(workshop.bench(request.model, reporter), reporter))
