"""What LateFusion can be trained on; it has no settings of its own."""

from lanistr.experiments.methods import ANY, Method

METHOD = Method(
    stages={"finetune": ANY},
    build="lanistr.methods.latefusion.model:build_latefusion",
)
