"""Objects in an image: torchvision's Faster R-CNN (ResNet-50 FPN v2, COCO), with the vectors of its box head.

The authors of ObjectGraphs used a bottom-up-attention Faster R-CNN; this is the closest one in a maintained library.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchvision.models.detection import FasterRCNN, fasterrcnn_resnet50_fpn_v2

N_OBJECTS = 50  # as in ObjectGraphs
SCORE = 0.01  # least score of a detection; low, so that few images have fewer than 50
VECTOR = 1024  # numbers per box that the detector's box head gives


@dataclass(frozen=True)
class Objects:
    """What was found in one image, most likely first; never empty."""

    boxes: np.ndarray  # float32 (n, 4): left, top, right, bottom, in pixels of the image
    scores: np.ndarray  # float32 (n,), 0..1
    vectors: Tensor  # float32 (n, VECTOR): the box head's output
    found: bool  # False: nothing was detected, and the one box is the whole image


def detector(
    *, objects: int = N_OBJECTS, score: float = SCORE, min_size: int = 800, max_size: int = 1333
) -> FasterRCNN:
    """Return the network without weights.

    objects   detections per image, at most
    score     least score of a detection, 0..1
    min_size  pixels that the shorter side of an image is scaled to
    max_size  pixels that the longer side has at most after that
    """
    network: FasterRCNN = fasterrcnn_resnet50_fpn_v2(
        weights=None,
        weights_backbone=None,
        box_detections_per_img=objects,
        box_score_thresh=score,
        min_size=min_size,
        max_size=max_size,
    )
    return network


@torch.no_grad()
def detect(network: FasterRCNN, image: Tensor) -> Objects:
    """Return the objects of one image, RGB 0..1 (3, h, w).

    Where nothing is found the whole image is the only object: a graph or a mean needs at least one.
    """
    height, width = image.shape[-2:]
    images, _ = network.transform([image])
    maps = network.backbone(images.tensors)
    proposals, _ = network.rpn(images, maps)
    found, _ = network.roi_heads(maps, proposals, images.image_sizes)
    boxes, scores = found[0]["boxes"], found[0]["scores"]  # boxes in pixels of the resized image
    resized_height, resized_width = images.image_sizes[0]
    is_found = len(boxes) > 0
    if not is_found:
        boxes = boxes.new_tensor([[0.0, 0.0, resized_width, resized_height]])
        scores = scores.new_zeros(1)
    heads = network.roi_heads
    vectors = heads.box_head(heads.box_roi_pool(maps, [boxes], images.image_sizes))
    scale = boxes.new_tensor([width / resized_width, height / resized_height] * 2)
    return Objects((boxes * scale).cpu().numpy(), scores.cpu().numpy(), vectors.float(), is_found)


def whole_pixels(box: np.ndarray, width: int, height: int) -> tuple[int, int, int, int]:
    """Return a box as left, top, right, bottom in whole pixels, inside the image and with at least one pixel.

    `box`: left, top, right, bottom in pixels of the image; `width`, `height`: of the image.
    """
    left, top = min(int(box[0]), width - 1), min(int(box[1]), height - 1)
    right, bottom = int(np.ceil(box[2])), int(np.ceil(box[3]))
    return left, top, min(max(right, left + 1), width), min(max(bottom, top + 1), height)
