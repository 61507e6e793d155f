"""The feature pyramid over the trunk.

Legend: B batch; C2 ... C5 the trunk's stages at 1/4, 1/8, 1/16, 1/32; P2 ... P6 at 1/4, ..., 1/64, all of D channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import layers


def pyramid(stages: Sequence[Any], channels: int = 256) -> list[Any]:
    """Merge the stages from the top down.

    Args:
        stages: [C2, C3, C4, C5] Keras tensors.
        channels: D.

    Returns:
        [P2, P3, P4, P5, P6]; P6 is every second cell of P5 and feeds the proposals only.

    Source: arXiv 1612.03144 section 3; original `model.MaskRCNN.build`.
    """
    c2, c3, c4, c5 = stages
    top = layers.Conv2D(channels, 1, name="fpn_c5p5")(c5)
    merged = {5: top}
    for level, stage in ((4, c4), (3, c3), (2, c2)):
        upsampled = layers.UpSampling2D(2, interpolation="nearest", name=f"fpn_p{level + 1}upsampled")(top)
        lateral = layers.Conv2D(channels, 1, name=f"fpn_c{level}p{level}")(stage)
        top = layers.Add(name=f"fpn_p{level}add")([upsampled, lateral])
        merged[level] = top
    smooth = {
        level: layers.Conv2D(channels, 3, padding="same", name=f"fpn_p{level}")(merged[level]) for level in (5, 2, 3, 4)
    }
    p6 = layers.MaxPooling2D(1, strides=2, name="fpn_p6")(smooth[5])
    return [smooth[2], smooth[3], smooth[4], smooth[5], p6]
