"""Whether the maps of timm's networks are found again where a patch was put: random weights, no downloads.

    python -m benchmarks.maps [MODEL …]

For each network: the map that `explain` takes without --map, how many of its maps are accepted, and how many of those
are wrong: a red patch at a known place changes them most somewhere else. A quarter of an hour on 2 cores.
"""

import sys

import numpy as np
import torch

from mediaeval.errors import ConfigError
from mediaeval.finetune.network import SystemNetwork
from mediaeval.interpret.gradcam import GradCam, default_map
from mediaeval.interpret.layout import Layout, layouts

MODELS = """
    beit_base_patch16_224 caformer_s18 coat_lite_tiny coatnet_nano_rw_224 convmixer_768_32 convnext_atto
    crossvit_9_240 csatv2 davit_tiny deit_tiny_distilled_patch16_224 densenet121 edgenext_xx_small
    efficientformer_l1 efficientformerv2_s0 efficientnet_b0 efficientvit_b0 efficientvit_m0 eva02_tiny_patch14_224
    fastvit_t8 focalnet_tiny_srf gcvit_xxtiny ghostnet_050 gmlp_ti16_224 hgnetv2_b0 hiera_tiny_224 hieradet_small
    hrnet_w18_small inception_v3 levit_128s mambaout_femto maxvit_tiny_tf_224 mixer_s32_224 mobilenetv2_100
    mobilenetv4_conv_small mobilevit_xxs mvitv2_tiny nest_tiny nfnet_f0 pit_ti_224 poolformer_s12 pvt_v2_b0
    regnety_002 repvgg_a0 resmlp_12_224 resnet18 rexnet_100 sequencer2d_s starnet_s1 swiftformer_xs
    swin_tiny_patch4_window7_224 swinv2_cr_tiny_224 swinv2_tiny_window8_256 tiny_vit_5m_224 tnt_s_patch16_224
    tresnet_m twins_svt_small vgg11 visformer_tiny volo_d1_224 vit_medium_patch16_reg4_gap_256
    vit_relpos_small_patch16_224 vit_tiny_patch16_224 vit_wee_patch16_reg1_gap_256 xcit_nano_12_p16_224
""".split()  # noqa: SIM905  # a list that is read as one
TOLERANCE = 0.28  # of a side: a cell of the coarsest maps is a seventh, and neighbours see the patch, too


def main() -> None:
    """Print a row per network; exit status 1 where a map is wrong."""
    print("| network | map taken | accepted | wrong |")
    print("|---|---|---|---|", flush=True)
    in_all = 0
    for model in sys.argv[1:] or MODELS:
        system = of_timm(model)
        right, wrong = right_and_wrong(system)
        try:
            taken = default_map(system, np.zeros((system.view.crop, system.view.crop, 3), np.uint8))
        except ConfigError:
            taken = "refused"
        print(f"| {model} | {taken} | {len(right) + len(wrong)} | {len(wrong)} |", flush=True)
        in_all += len(wrong)
    sys.exit(1 if in_all else 0)


def of_timm(model: str, **model_args: int) -> SystemNetwork:
    """Return a network of timm with random weights, biases that are 0 at the start set to .1."""
    from mediaeval.finetune.settings import TimmSettings
    from mediaeval.finetune.systems.timm_network import build

    torch.manual_seed(0)
    system = build(TimmSettings(model=model, model_args=model_args, init="random"), 3, 0, pretrained=False)
    with torch.no_grad():
        for parameter in system.network.parameters():
            if parameter.ndim == 1 and parameter.abs().max() < 1e-3:
                parameter.fill_(0.1)
    return system


def right_and_wrong(system: SystemNetwork) -> tuple[list[str], list[str]]:
    """Return the maps that are accepted, those that follow the image and those that do not."""
    accepted = [name for name, found in layouts(system).items() if isinstance(found, Layout)]
    wrong = [
        name
        for name in accepted[:3]  # each costs four passes, and the first are the deepest
        for patch in ((0.2, 0.8), (0.8, 0.2))
        if not np.allclose(_lit_at(system, name, patch), patch, atol=TOLERANCE)
    ]
    return [name for name in accepted if name not in wrong], sorted(set(wrong))


def _lit_at(system: SystemNetwork, name: str, patch: tuple[float, float]) -> tuple[float, float]:
    """Return where a map changes most when a red patch is put at `patch`: from the top and from the left, 0..1."""
    side = system.view.crop
    noise = np.random.default_rng(0).integers(0, 20, (side, side, 3), np.uint8)
    plain = np.full((side, side, 3), 110, np.uint8) + noise
    marked, (top, left) = plain.copy(), (int(at * side) - side // 12 for at in patch)
    marked[top : top + side // 6, left : left + side // 6] = (255, 0, 0)
    one, two = (GradCam(system, pixels, name).channels for pixels in (plain, marked))
    change = (two - one).abs().sum(dim=0)
    row, column = divmod(int(change.argmax()), change.shape[1])
    return (row + 0.5) / change.shape[0], (column + 0.5) / change.shape[1]


if __name__ == "__main__":
    main()
