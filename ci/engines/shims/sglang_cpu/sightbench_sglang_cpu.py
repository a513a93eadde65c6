"""SGLang on a machine without a GPU: its own layers, run by PyTorch instead of compiled kernels."""

from functools import cache


def platform():
    """The path of the platform class; None where there is a GPU, so that SGLang takes its own."""
    import torch

    return None if torch.cuda.is_available() else f"{__name__}.PlainCpu"


@cache
def _plain_cpu():
    # SGLang imports this module before its own platform classes can be imported.
    from sglang.srt.platforms.cpu import CpuDeviceMixin
    from sglang.srt.platforms.device_mixin import PlatformEnum
    from sglang.srt.platforms.interface import PlatformCapabilities, SRTPlatform

    def defaults(self, server_args):
        server_args.device = "cpu"
        server_args.attention_backend = server_args.attention_backend or "torch_native"

    members = {
        "_enum": PlatformEnum.OOT,
        "device_name": "cpu",
        "device_type": "cpu",
        "capabilities": PlatformCapabilities(),
        "apply_server_args_defaults": defaults,
        "get_default_attention_backend": lambda self: "torch_native",
        "get_compile_backend": lambda self, mode=None: "eager",
        "is_pin_memory_available": lambda self, device=None: False,
        "__module__": __name__,
        "__qualname__": "PlainCpu",
    }
    return type("PlainCpu", (CpuDeviceMixin, SRTPlatform), members)


def __getattr__(name):
    if name == "PlainCpu":
        return _plain_cpu()
    raise AttributeError(name)
