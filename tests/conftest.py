"""A compiler that does not ponder: a test's program runs once, and compiling it is most of the test."""

import os

os.environ["XLA_FLAGS"] = (
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true "
    "--xla_cpu_use_fusion_emitters=false"
)
