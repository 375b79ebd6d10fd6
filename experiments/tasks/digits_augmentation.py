"""Images moved a little, so that few of them teach as much as many."""

import torch
from torch import Generator, Tensor
from torch.nn import functional

__all__ = ["move_images"]


def move_images(images: Tensor, shift: float, rotation: float, *, generator: Generator) -> Tensor:
    """Shift and rotate each image by amounts of its own, uniform up to the largest.

    What comes in from beyond the border is dark; between pixels is interpolated linearly.

    Arguments:
        images: `(N, H, W)`.
        shift: Largest shift along each axis, in pixels.
        rotation: Largest rotation, in degrees.
        generator: Feeds the draw.
    Returns:
        Moved images, `(N, H, W)`.
    """
    count, height, width = images.shape
    uniform = 2 * torch.rand(3, count, generator=generator, device=images.device) - 1
    angle, right, down = uniform.to(images)
    angle = torch.deg2rad(angle * rotation)
    cos, sin = angle.cos(), angle.sin()
    rows = [
        torch.stack([cos, -sin * height / width, right * 2 * shift / width], dim=1),
        torch.stack([sin * width / height, cos, down * 2 * shift / height], dim=1),
    ]
    grid = functional.affine_grid(
        torch.stack(rows, dim=1), [count, 1, height, width], align_corners=False
    )
    return functional.grid_sample(images[:, None], grid, align_corners=False)[:, 0]
