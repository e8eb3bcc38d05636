"""What TabArena's registry reads."""

from __future__ import annotations

from tabarena.models._method_metadata import MethodMetadata
from tabarena.models._model_info import ModelInfo

from benchmarks.tabarena.hpo import gen_mixup
from benchmarks.tabarena.model import MixupModel

mixup_method_metadata = MethodMetadata.config(
    method="Mixup",
    ag_key=MixupModel.ag_key,
    compute="cpu",
    is_bag=True,
    can_hpo=True,
    config_default="TA-Mixup_c1_BAG_L1",
    suite="local",
    date_introduced="2017-10",
    reference_url="https://arxiv.org/abs/1710.09412",
    display_name="Mixup",
    cache_type="local",
)

mixup_info = ModelInfo(
    model_cls=MixupModel,
    search_space=gen_mixup,
    method_metadata=mixup_method_metadata,
    pip_extra=("sk_mixup",),
)
