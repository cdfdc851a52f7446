"""All figures of a run, each defined once; those that cannot be drawn are named."""

from __future__ import annotations

from altair.utils import schemapi

from kit.analysis.material import Material
from kit.report.figures import accuracy, audit, classes, cost, front, published, sizes, training
from kit.report.figures.drawing import Figure
from kit.report.language import Language


def all_figures(material: Material, language: Language) -> tuple[list[Figure], list[str]]:
    """The figures of a run, and for each one without data a phrase that says what is missing."""
    with schemapi.debug_mode(False):  # half of the time went into checking charts, which the tests do
        made = _made(material, language)
    return [figure for figure in made.values() if figure], [what for what, figure in made.items() if not figure]


def _made(material: Material, language: Language) -> dict[str, Figure | None]:
    tr = language.tr
    return {
        tr("which network (needs `kit evaluate`)"): front.which_network(material, language),
        tr("change of each metric by quantization (needs an unpruned float32 cell and a quantized one)"): (
            cost.by_quantization(material, language)
        ),
        tr("published against own values (needs a published cell)"): published.beside(material, language),
        tr("top-1 against sparsity (needs `kit evaluate`)"): accuracy.by_sparsity(material, language),
        tr("size after gzip (needs `kit compress`)"): sizes.gzip_by_sparsity(material, language),
        tr("change by class (needs `kit evaluate` of an unpruned float32 cell and another)"): (
            classes.by_class(material, language)
        ),
        tr("latencies (needs `kit bench`)"): cost.latencies(material, language),
        tr("the pruning schedule as it ran (needs `kit compress`)"): training.schedule(material, language),
        tr("error of int8 by layer (needs `kit audit`)"): audit.by_layer(material, language),
        tr("training curves (needs `kit train`)"): training.curves(material, language),
    }
