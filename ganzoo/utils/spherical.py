"""Interpolation on a sphere, for vectors whose direction matters more than their length."""

from __future__ import annotations

from torch import Tensor


def slerp(one: Tensor, two: Tensor, shares: Tensor) -> Tensor:
    """Return points ``(N, Z)`` on the arc from one vector ``(Z,)`` to another, at the given shares ``(N,)`` of the arc.

    Shoemake 1985, Animating rotation with quaternion curves. The straight line between normal latents passes through
    shorter vectors than are ever drawn (White 2016, arXiv:1609.04468). It is used only between parallel or opposite
    vectors.
    """
    cosine = (one @ two) / (one.norm() * two.norm()).clamp_min(1e-12)
    angle = cosine.clamp(-1, 1).arccos()
    shares = shares[:, None]
    if angle.sin() < 1e-4:
        return (1 - shares) * one + shares * two
    return (((1 - shares) * angle).sin() * one + (shares * angle).sin() * two) / angle.sin()
