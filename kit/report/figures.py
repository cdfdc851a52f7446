"""All figures of a run, each defined once; what cannot be drawn is named."""

from __future__ import annotations

from kit.report import figures_accuracy, figures_cost, figures_front, figures_training
from kit.report.drawing import Figure
from kit.report.language import Language
from kit.report.material import Material


def all_figures(material: Material, language: Language) -> tuple[list[Figure], list[str]]:
    """The figures of a run, and for each that has no data a sentence that says what is missing."""
    tr = language.tr
    made = {
        tr("change of each metric by quantization (needs an unpruned float32 cell and a quantized one)"): (
            figures_cost.by_quantization(material, language)
        ),
        tr("top-1 against sparsity (needs `kit evaluate`)"): figures_accuracy.by_sparsity(material, language),
        tr("size after gzip (needs `kit compress`)"): figures_cost.gzip_by_sparsity(material, language),
        tr("change by class (needs `kit evaluate` of an unpruned float32 cell and another)"): (
            figures_accuracy.by_class(material, language)
        ),
        tr("accuracy against size (needs `kit evaluate`)"): figures_front.by_size(material, language),
        tr("accuracy against latency (needs `kit bench`)"): figures_front.by_latency(material, language),
        tr("latencies (needs `kit bench`)"): figures_cost.latencies(material, language),
        tr("the pruning schedule as it ran (needs `kit compress`)"): figures_training.schedule(material, language),
        tr("training curves (needs `kit train`)"): figures_training.curves(material, language),
    }
    return [figure for figure in made.values() if figure], [what for what, figure in made.items() if not figure]
