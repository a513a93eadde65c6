"""vLLM general plugin: InternVL classes whose language model hands out intermediate states.

vLLM's InternVLChatModel does not declare that it can, though Qwen2 and Qwen3 inside it do; its InternLM2
really cannot. Also registers the "internvl_chat" configuration, which transformers does not know.
"""


def register():
    from seg_config import InternVLChatConfig
    from transformers import AutoConfig
    from vllm import ModelRegistry

    AutoConfig.register("internvl_chat", InternVLChatConfig, exist_ok=True)
    ModelRegistry.register_model("SegInternVLChatModel", "seg_internvl:SegInternVLChatModel")
    ModelRegistry.register_model("SegInternLM2ForCausalLM", "seg_internvl:SegInternLM2ForCausalLM")
