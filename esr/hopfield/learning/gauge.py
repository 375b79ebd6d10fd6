"""The same network with as much as possible of its energy in slots alone, few couplings left."""

import torch
from torch import Tensor

from esr.hopfield.exact.pairwise import PairwiseNetwork

__all__ = ["plain_gauge"]

ROUNDS = 10


def plain_gauge(network: PairwiseNetwork) -> PairwiseNetwork:
    r"""A network of equal energies, up to a constant, whose typical coupling is zero.

    What depends on one symbol of a pair alone can stand in the couplings or in the fields,

    .. math:: M_e(s, t) \to M_e(s, t) - r_e(s) - c_e(t), \quad
              b_{g_e}(s) \to b_{g_e}(s) + r_e(s), \quad b_{h_e}(t) \to b_{h_e}(t) + c_e(t).

    The medians of rows and columns are taken out in turn, forbidden pairs left aside, and the
    median of each slot's fields: where most symbols do not care for each other, most couplings
    become zero. Edges of equal couplings keep equal ones.

    Source: the median polish of Tukey (1977), Exploratory Data Analysis, chapter 11.
    """
    couplings, fields = network.couplings.clone(), network.fields.clone()
    for _ in range(ROUNDS):
        for end, inner in ((0, 2), (1, 1)):
            middle = _median(couplings, inner)  # (E, S)
            couplings = couplings - middle.unsqueeze(inner)
            fields = fields.index_add(0, network.edges[:, end], middle)
    return PairwiseNetwork(fields - _median(fields, 1)[:, None], network.edges, couplings)


def _median(values: Tensor, dim: int) -> Tensor:
    """Of the finite values along a dimension; zero where there are none."""
    finite = torch.where(values.isfinite(), values, torch.nan)
    return finite.nanmedian(dim).values.nan_to_num(nan=0.0)
