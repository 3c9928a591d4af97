"""The metrics of DINOv2 features: those of Inception features under other names, one for each size of the network."""

from __future__ import annotations

from ganzoo_fidelity.metrics import FID, KID


class FDSmall(FID):
    """``fd_dinov2``."""

    value = "fd_dinov2"


class FDBase(FID):
    """``fd_dinov2_b``."""

    value = "fd_dinov2_b"


class FDLarge(FID):
    """``fd_dinov2_l``."""

    value = "fd_dinov2_l"


class KIDSmall(KID):
    """``kid_dinov2_mean`` and ``kid_dinov2_std``."""

    value = "kid_dinov2"


class KIDBase(KID):
    """``kid_dinov2_b_mean`` and ``kid_dinov2_b_std``."""

    value = "kid_dinov2_b"


class KIDLarge(KID):
    """``kid_dinov2_l_mean`` and ``kid_dinov2_l_std``."""

    value = "kid_dinov2_l"
