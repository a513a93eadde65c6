"""Declares two torchvision operators just before torchvision is imported beside a CPU build of torch.

torchvision registers stand-ins for them when it is imported, and fails if its compiled library, which
declares them, needs CUDA and so could not be loaded.
"""

import sys
from importlib.abc import MetaPathFinder

OPERATORS = ("nms", "qnms")
SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


class BeforeTorchvision(MetaPathFinder):
    library = None

    def find_spec(self, fullname, path=None, target=None):
        if fullname == "torchvision":
            sys.meta_path.remove(self)
            import torch

            if torch.version.cuda is None:
                # A library's operators go when it does, so the class keeps it.
                type(self).library = torch.library.Library("torchvision", "FRAGMENT")
                for name in OPERATORS:
                    self.library.define(name + SIGNATURE)
        return None


sys.meta_path.insert(0, BeforeTorchvision())
