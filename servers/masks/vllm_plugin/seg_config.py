"""The "internvl_chat" configuration: a vision half and a language half, nothing computed."""

from transformers import PretrainedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING


class InternVLChatConfig(PretrainedConfig):
    model_type = "internvl_chat"

    def __init__(self, vision_config=None, llm_config=None, **kwargs):
        llm_config = llm_config or kwargs.pop("text_config", None)
        kwargs.pop("text_config", None)
        self.vision_config = _plain(vision_config)
        self.llm_config = _known(llm_config)
        super().__init__(**kwargs)

    @property
    def text_config(self):
        return self.llm_config

    @text_config.setter
    def text_config(self, value):
        self.llm_config = value


def _plain(config):
    return config if isinstance(config, PretrainedConfig) else PretrainedConfig(**(config or {}))


def _known(config):
    """The language model's own class where transformers has one (Qwen2, Qwen3), else a plain one."""
    if isinstance(config, PretrainedConfig) or not config or config.get("model_type") not in CONFIG_MAPPING:
        return _plain(config)
    kind = CONFIG_MAPPING[config["model_type"]]
    return kind(**{k: v for k, v in config.items() if k != "model_type"})
