"""The stages by name, in the order in which a cell goes through them."""

from kit.device import bench
from kit.pipeline import convert, evaluate, prune, train
from kit.records.stage import Stage

STAGES: dict[str, Stage] = {
    stage.name: stage for stage in (train.STAGE, prune.STAGE, convert.STAGE, evaluate.STAGE, *bench.STAGES.values())
}
