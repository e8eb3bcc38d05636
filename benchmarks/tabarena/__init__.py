"""sk_mixup as a model of TabArena (arXiv 2506.16791, tabarena.ai).

`model` has the class that AutoGluon trains, `hpo` the configurations that are tried,
`info` what TabArena's registry reads: the three files of a folder of
``tabarena.models``. From a checkout beside an installed ``tabarena``::

    from benchmarks.tabarena.info import mixup_info
    from tabarena.models import register_model_info

    register_model_info(mixup_info)

`model` needs AutoGluon (``pip install autogluon.tabular``), `info` needs ``tabarena``;
neither is one of this project's extras. Written for AutoGluon 1.6 and tabarena 0.1.
"""
